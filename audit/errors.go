package audit

import (
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"veribatch/internal/fault"
)

// explained holds, by constraint name, what a violated constraint means to a person. Written by Explain in package init only.
var explained = map[string]*fault.Error{}

// Explain registers the words for a violated constraint; packages call it for the constraints of their own tables.
func Explain(constraint string, kind fault.Kind, message string) struct{} {
	explained[constraint] = &fault.Error{Kind: kind, Message: message}
	return struct{}{}
}

// translate turns a PostgreSQL error into a fault; everything else passes unchanged.
func translate(err error) error {
	if cut := (unanswered{}); errors.As(err, &cut) {
		return fault.New(fault.Busy, "The database did not answer. It is not known whether this was saved: open the page again and look before you enter it once more.").Because(err)
	}
	if Away(err) {
		return fault.New(fault.Busy, "The database is away for the moment. Nothing was saved: send it again.").Because(err)
	}
	var pg *pgconn.PgError
	if errors.Is(err, context.DeadlineExceeded) && !errors.As(err, &pg) {
		return fault.New(fault.Busy, "The database did not answer in time. Nothing was saved: send it again.").Because(err)
	}
	if err == nil || !errors.As(err, &pg) {
		return err
	}
	if f, ok := explained[pg.ConstraintName]; ok && pg.ConstraintName != "" {
		return fault.New(f.Kind, "%s", f).Because(err)
	}
	switch pg.Code {
	case "VB003":
		return fault.New(fault.Unauthenticated, "Your session has ended or is locked. Log in again; nothing was saved.").Because(err)
	case "VB004":
		return fault.New(fault.Forbidden, "Your account is not active. Ask your administrator.").Because(err)
	case "VB005":
		return fault.New(fault.Refused, "The signature was not accepted: it is given within 60 seconds, once, for what was shown. Sign again.").Because(err)
	case "53100": // disk_full
		return NoRoom().Because(err)
	case "40001", "40P01", "55P03", "57014", "53300":
		return fault.New(fault.Busy, "The system is busy. Nothing was saved: send it again.").Because(err)
	}
	return err
}

// NoRoom says that nothing can be entered because the disk is full.
func NoRoom() *fault.Error {
	return fault.New(fault.Busy, "The disk of the database is full. Nothing was saved. Tell who keeps the server: with room on it everything goes on.")
}

// Away tells whether an error only says that the database was not reached, or ended the connection: it stops, starts again, or the line was cut.
func Away(err error) bool {
	if pg := (*pgconn.PgError)(nil); errors.As(err, &pg) {
		return strings.HasPrefix(pg.Code, "08") || pg.Code == "57P01" || pg.Code == "57P02" || pg.Code == "57P03" // PostgreSQL, appendix A: connection exceptions, operator intervention
	}
	connect, line := (*pgconn.ConnectError)(nil), (*net.OpError)(nil)
	return errors.As(err, &connect) || errors.As(err, &line) || errors.Is(err, pgconn.ErrConnClosed) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
