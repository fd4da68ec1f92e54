package web

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"runtime/debug"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/labstack/echo/v4"

	"veribatch/ebr/quality"
	"veribatch/internal/fault"
	"veribatch/internal/language"
)

// status is the one place where a kind of fault becomes an HTTP status.
var status = map[fault.Kind]int{
	fault.Invalid: http.StatusUnprocessableEntity, fault.Missing: http.StatusNotFound, fault.Conflict: http.StatusConflict,
	fault.NotReady: http.StatusConflict, fault.Refused: http.StatusConflict, fault.Forbidden: http.StatusForbidden,
	fault.Unauthenticated: http.StatusUnauthorized, fault.TooLarge: http.StatusRequestEntityTooLarge,
	fault.TooMany: http.StatusTooManyRequests, fault.Busy: http.StatusServiceUnavailable, fault.Internal: http.StatusInternalServerError,
}

// headings are the titles of the fault page.
var headings = map[fault.Kind]string{
	fault.Invalid: "Not understood", fault.Missing: "Not found", fault.Conflict: "Changed in the meantime", fault.NotReady: "Not possible now",
	fault.Refused: "Refused", fault.Forbidden: "Not allowed", fault.Unauthenticated: "Not logged in", fault.TooLarge: "Too large",
	fault.TooMany: "Too many tries", fault.Busy: "Busy", fault.Internal: "Something failed inside the system",
}

// fail shows the fault page: for faults that have no form to stand at. Internal ones get a reference number and a line in the log.
func (v *visit) fail(err error) error {
	if p := (*panicked)(nil); errors.Is(v.ctx.Err(), context.Canceled) && !errors.As(err, &p) {
		return v.gone()
	}
	if path := v.c.Request().URL.Path; path == "/api" || strings.HasPrefix(path, "/api/") {
		return v.problem(err)
	}
	f := fault.As(fromEcho(err))
	if f.Kind == fault.Busy && v.who.Person == "" {
		v.tongue = cmp.Or(v.tongue, language.English) // a database that is away is not asked a second time
	}
	view := &ErrorView{Page: v.frame(v.words(headings[f.Kind])), Heading: v.words(headings[f.Kind]), Message: f.In(v.language()), Back: "/"}
	if f.Kind == fault.Internal {
		view.Message = fault.As(errors.New("hidden")).In(v.language())
		view.Reference = v.incident(err)
	}
	return v.show(status[f.Kind], view)
}

// fromEcho gives echo's own errors (no such address, no such method) the words of a fault.
func fromEcho(err error) error {
	var he *echo.HTTPError
	if !errors.As(err, &he) {
		return err
	}
	switch he.Code {
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return fault.New(fault.Missing, "There is no such page. Check the address, or go back and choose again.")
	case http.StatusBadRequest, http.StatusForbidden:
		return fault.New(fault.Invalid, "The browser sent something that cannot be read. Open the page again.")
	}
	return err
}

// incident keeps a failure of our own under a fresh reference number, which the person sees and tells the administrator: a line in the log
// and an incident, linked to the batch that the address names. A browser that went away is neither.
func (v *visit) incident(err error) string {
	if errors.Is(err, context.Canceled) && errors.Is(v.ctx.Err(), context.Canceled) {
		return ""
	}
	reference := newReference()
	attrs := []any{"reference", reference, "request", v.c.Response().Header().Get(echo.HeaderXRequestID), "method", v.c.Request().Method, "route", v.c.Path(), "error", scrub(err), "type", fmt.Sprintf("%T", root(err))}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		attrs = append(attrs, "sqlstate", pg.Code, "constraint", pg.ConstraintName, "table", pg.TableName, "column", pg.ColumnName, "routine", pg.Routine)
	}
	var p *panicked
	if errors.As(err, &p) {
		attrs = append(attrs, "stack", string(p.stack))
	}
	v.s.Log.ErrorContext(v.ctx, "incident", attrs...)
	if v.s.Incident != nil {
		in := quality.Incident{Kind: quality.InternalError, Summary: v.c.Request().Method + " " + v.c.Path() + ": " + cause(err), Reference: reference}
		if id := v.c.Param("batch"); id != "" {
			in.Batches = []string{id}
		}
		v.s.Incident(in)
	}
	return reference
}

// ours finds the functions of this program in a stack.
var ours = regexp.MustCompile(`(?m)^veribatch/(\S+)\(`)

// cause says what failed and where, without a word of the message: two failures of one cause are the same, and no value is in it.
func cause(err error) string {
	var p *panicked
	if errors.As(err, &p) {
		for _, f := range ours.FindAllSubmatch(p.stack, -1) {
			if name := string(f[1]); !strings.HasPrefix(name, "web.recovered") {
				return fmt.Sprintf("panic (%T) in %s", p.value, name)
			}
		}
		return fmt.Sprintf("panic (%T)", p.value)
	}
	text := fmt.Sprintf("%T", root(err))
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		text = strings.Join(strings.Fields(strings.Join([]string{"database error", pg.Code, pg.ConstraintName, pg.TableName}, " ")), " ")
	}
	return text
}

func newReference() string {
	b := make([]byte, 5)
	rand.Read(b) // never fails: crypto/rand aborts the program instead
	return base32.StdEncoding.EncodeToString(b)
}

// valueLike finds what a message may have copied out of a record or a form: quoted text and numbers.
var valueLike = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|'[^']*'|\(.*\)|\d[\d.,:eE+-]*`)

// scrub gives the text of an error without quoted words, brackets and numbers: the log is read by people who may not see GMP values.
func scrub(err error) string { return valueLike.ReplaceAllString(err.Error(), "…") }

// root gives the innermost error, whose type says what failed.
func root(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

// recovered turns a panic of a handler into an error that carries the place, so that it is logged like any other failure.
func recovered(handler echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			if p := recover(); p != nil {
				if p == http.ErrAbortHandler {
					panic(p)
				}
				err = &panicked{value: p, stack: debug.Stack()}
			}
		}()
		return handler(c)
	}
}

type panicked struct {
	value any
	stack []byte
}

// Error gives the panic's text; the stack goes to the log apart.
func (p *panicked) Error() string { return fmt.Sprintf("panic: %v", p.value) }
