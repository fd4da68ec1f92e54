package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"veribatch/ebr/export"
)

// ExportsView lists what left the plant of one batch.
type ExportsView struct {
	Page
	Export *Form // no fields
	Made   []ExportLine
}

// ExportLine is one export.
type ExportLine struct {
	Href, By, State string
	At              time.Time
	Printed, Others int64
	Record          string // SHA-256 of record.pdf
}

func (*ExportsView) template() string { return "batches/exports" }

func (s *server) showExports(v *visit) (View, error) {
	d, err := v.batch()
	if err != nil {
		return nil, err
	}
	list, err := export.List(v.ctx, v, d.ID)
	if err != nil {
		return nil, err
	}
	view := &ExportsView{Page: v.frame(v.words("Exports of %s", d.Number))}
	view.Context = d.context(0)
	for _, e := range list {
		view.Made = append(view.Made, ExportLine{d.href() + "/exports/" + e.ID, e.By, e.State, e.At, e.Printed, e.Others, e.Record})
	}
	view.Export = v.offer(true, "batch.export", Form{ID: "export", Action: d.href() + "/exports"})
	return view, nil
}

// onExports says where the export of a batch stands: on the list of its exports.
func (s *server) onExports() place {
	return place{page: s.showExports, read: "batch.export", next: func(v *visit, _ json.RawMessage) string { return "/batches/" + v.c.Param("batch") + "/exports" }}
}

// downloadExport gives the bundle of an export. The right is asked in the snapshot in which the export is found; then the log and its signer are waited for.
func (s *server) downloadExport(v *visit) error {
	var e export.Entry
	var number string
	_, err := v.read(v.route.Act, func(v *visit) (View, error) {
		d, err := v.batch()
		if err != nil {
			return nil, err
		}
		number = d.Number
		e, err = export.Find(v.ctx, v, d.ID, v.c.Param("export"))
		return nil, err
	})
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := s.exports.Download(v.ctx, e, &b); err != nil {
		return err
	}
	if number == "" { // not issued yet
		number = e.Batch
	}
	v.c.Response().Header().Set(echo.HeaderContentDisposition, fmt.Sprintf(`attachment; filename="%s-export-%d.zip"`, number, e.Seq))
	return v.c.Blob(http.StatusOK, "application/zip", b.Bytes())
}

// ofExport asks for one export.
type ofExport struct {
	Batch  string `path:"batch" doc:"id of the batch"`
	Export string `path:"export"`
}

// askExports asks for one page of the exports of a batch.
type askExports struct {
	Batch string `path:"batch" doc:"id of the batch"`
	pageOf
}

// batchExports are the exports of a batch.
type batchExports struct {
	Exports []batchExport `json:"exports" doc:"the newest first"`
	Next    string        `json:"next,omitempty" doc:"address of the next page; absent on the last one"`
}

// batchExport is one export, as its entry in site/exports says.
type batchExport struct {
	Export  string    `json:"export" doc:"id"`
	Seq     int64     `json:"seq" doc:"number of its entry in the stream site/exports"`
	At      time.Time `json:"at"`
	By      string    `json:"by" doc:"who exported"`
	State   string    `json:"state" doc:"of the batch then, as it is printed"`
	Printed int64     `json:"printed" doc:"newest entry of the batch's stream in print"`
	Others  int64     `json:"others" doc:"entries of other streams that named the batch"`
	Record  string    `json:"record" doc:"SHA-256 of record.pdf, hex"`
	Index   string    `json:"index" doc:"SHA-256 of index.html, hex"`
}

func apiExports(v *visit, q askExports) (answer batchExports, err error) {
	d, err := v.batch()
	if err != nil {
		return answer, err
	}
	list, err := export.List(v.ctx, v, d.ID)
	if err != nil {
		return answer, err
	}
	page, next, err := paged(v, q.pageOf, list, func(e export.Entry) string { return e.ID })
	answer.Next = next
	for _, e := range page {
		answer.Exports = append(answer.Exports, batchExport{e.ID, e.Seq, e.At, e.By, e.State, e.Printed, e.Others, e.Record, e.Index})
	}
	return answer, err
}
