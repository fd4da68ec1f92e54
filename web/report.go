package web

import (
	"bytes"
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"veribatch/ebr/report"
)

// showReport gives the batch record as PDF, read in one snapshot. A record in execution can be printed too; every page says so.
func (s *server) showReport(v *visit) error {
	var record report.Record
	_, err := v.read(v.route.Act, func(v *visit) (_ View, err error) {
		if record, err = report.Load(v.ctx, v, v.c.Param("batch")); err != nil {
			return nil, err
		}
		record.GeneratedBy, err = report.Reader(v.ctx, v, v.who.Person)
		return nil, err
	})
	if err != nil {
		return err
	}
	record.Site, record.Program, record.Demo, record.GeneratedAt = s.Site, "Veribatch "+s.Version, len(s.Demo) > 0, s.Trail.Now()
	var b bytes.Buffer
	if err := report.PDF(&b, record); err != nil {
		return err
	}
	v.c.Response().Header().Set(echo.HeaderContentDisposition, fmt.Sprintf(`inline; filename="%s.pdf"`, record.Batch.Number))
	return v.c.Blob(http.StatusOK, "application/pdf", b.Bytes())
}
