package web

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"veribatch/internal/fault"
	"veribatch/recipes"
	"veribatch/signatures"
)

// problem is an error as RFC 9457 writes it. Detail is in the words that the person at the screen would read.
type problem struct {
	Type      string    `json:"type" doc:"names the kind of problem; the address explains it"`
	Title     string    `json:"title"`
	Status    int       `json:"status"`
	Detail    string    `json:"detail" doc:"what happened and what to do, for people"`
	Errors    []mistake `json:"errors,omitempty" doc:"what is wrong where"`
	Reference string    `json:"reference,omitempty" doc:"number of an internal failure, for the administrator"`

	Statement *signatures.Statement `json:"statement,omitempty" doc:"what is to be signed: show it to the person, every line"`
	Digest    string                `json:"digest,omitempty" doc:"of the statement; it comes back in signature.statement"`
	Series    string                `json:"series,omitempty" doc:"printed name of the person of this session, who may sign with the password alone: signature without user_name. Absent when user name and password are needed"`
}

// mistake is one thing that is wrong, with its place in the body (RFC 6901) or in the recipe text.
type mistake struct {
	Pointer   string `json:"pointer,omitempty" doc:"place in the body, #/reading"`
	Parameter string `json:"parameter,omitempty" doc:"of a read: what stands behind the address"`
	Detail    string `json:"detail"`
	Line      int    `json:"line,omitzero" doc:"of a recipe text"`
	Column    int    `json:"column,omitzero"`
	Hint      string `json:"hint,omitempty"`
}

// kinds are the problems beside those of fault.Kind.
const (
	signatureRequired = "signature-required"
	signatureRefused  = "signature-refused"
)

// waiting is an act that goes no further without a signature to this statement, or whose statement has changed.
type waiting struct {
	kind   string
	status int
	st     signatures.Statement
	series string // who may sign with the password alone
	error
}

// Unwrap gives why.
func (w *waiting) Unwrap() error { return w.error }

// withStatement adds the statement to what stands in the way of a signed act: nobody has signed, the signature was refused, or the record has
// changed since it was shown. A refused signature is 403 and not 401: the session is good, the signature is not.
func (s *server) withStatement(v *visit, cmd Command, given *signing, reads string, err error) error {
	signed, ok := cmd.(Signable)
	kind := fault.KindOf(err)
	var open *unsigned
	waits := errors.As(err, &open)
	if waits && open.why != nil {
		err, kind = open.why, fault.KindOf(open.why)
	}
	w := &waiting{error: err}
	switch {
	case waits && open.why == nil:
		w.kind, w.status = signatureRequired, http.StatusPreconditionRequired
		w.error = fault.New(fault.Refused, "This act needs a signature. Show the statement to the person who signs, and send the same request again with user name, password and the statement's digest.")
	case waits && (kind == fault.Unauthenticated || kind == fault.Forbidden || kind == fault.Invalid):
		w.kind, w.status = signatureRefused, http.StatusForbidden
	case !ok || given == nil || kind != fault.Conflict:
		return err
	}
	var unreadable error
	if w.st, unreadable = s.statement(v, signed, reads); unreadable != nil {
		return err
	}
	if v.who.Series && kind != fault.Forbidden && cmd.Act() != "step.verify" { // as in the dialog: the second person stands beside the first one
		w.series = v.who.FullName
	}
	return w
}

// problem answers what failed.
func (v *visit) problem(err error) error {
	p := problemOf(err)
	if p.Status == http.StatusInternalServerError {
		p.Reference = v.incident(err)
	}
	if v.c.Request().Method == http.MethodGet {
		for i, m := range p.Errors {
			p.Errors[i].Pointer, p.Errors[i].Parameter = "", strings.TrimPrefix(m.Pointer, "#/")
		}
	}
	header := v.c.Response().Header()
	waitFor(header, p.Status)
	if p.Status == http.StatusUnauthorized {
		header.Set(echo.HeaderWWWAuthenticate, `Bearer realm="Veribatch"`)
	}
	content, err := encode(p)
	if err != nil {
		return err
	}
	return v.c.Blob(p.Status, "application/problem+json", content)
}

// waitFor tells a program when to try again: after a limit the minute for which it counts, after a busy moment a moment later.
func waitFor(header http.Header, status int) {
	switch status {
	case http.StatusTooManyRequests:
		header.Set(echo.HeaderRetryAfter, "60")
	case http.StatusServiceUnavailable:
		header.Set(echo.HeaderRetryAfter, "2")
	}
}

// problemOf writes an error as a problem.
func problemOf(err error) problem {
	err = fromEchoAPI(err)
	f := fault.As(err)
	p := problem{Title: headings[f.Kind], Status: status[f.Kind], Detail: f.Message}
	name := strings.ReplaceAll(string(f.Kind), " ", "-")
	if f.Kind == fault.Internal {
		p.Detail = fault.As(errors.New("hidden")).Message
	}
	var u *unread
	if errors.As(err, &u) {
		p.Status, p.Title = u.status, http.StatusText(u.status)
		name = strings.ToLower(strings.ReplaceAll(p.Title, " ", "-"))
	}
	var w *waiting
	if errors.As(err, &w) {
		if w.status != 0 {
			p.Status, name = w.status, w.kind
			p.Title = map[string]string{signatureRequired: "Signature required", signatureRefused: "Signature refused"}[w.kind]
		}
		if digest, err := w.st.Digest(); err == nil {
			p.Statement, p.Digest, p.Series = &w.st, digest.String(), w.series
		}
	}
	p.Type = apiRoot + "/reference#" + name
	p.Errors = mistakes(err, f)
	return p
}

// mistakes lists what is wrong where: the faults of a recipe text, or the one field that the fault names.
func mistakes(err error, f *fault.Error) (list []mistake) {
	var faults recipes.Faults
	if errors.As(err, &faults) {
		for _, one := range faults {
			list = append(list, mistake{Pointer: "#/text", Detail: one.Message, Line: one.Line, Column: one.Column, Hint: one.Hint})
		}
		return list
	}
	if f.Field == "" || f.Field == "request_key" || f.Kind == fault.Internal {
		return nil
	}
	return []mistake{{Pointer: "#/" + f.Field, Detail: f.Message}}
}

// fromEchoAPI gives echo's own errors the words of a problem.
func fromEchoAPI(err error) error {
	var he *echo.HTTPError
	if !errors.As(err, &he) {
		return err
	}
	switch he.Code {
	case http.StatusNotFound:
		return fault.New(fault.Missing, "There is no such address. The description of the API lists all of them.")
	case http.StatusMethodNotAllowed:
		return &unread{he.Code, fault.New(fault.Invalid, "This address does not take this method. Reading is GET, acting is POST.")}
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return &unread{he.Code, fault.New(fault.Busy, "The request was not taken (%s).", http.StatusText(he.Code))}
	}
	return err
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// problemKinds are all kinds of problem, for the reference.
var problemKinds = []struct{ name, words string }{
	{"invalid", "A field is wrong; errors says which and why. Mend it and send the request with a new request key."},
	{"bad-request", "The request cannot be read: no JSON, one name twice, or no request key."},
	{"missing", "There is no such record or address."},
	{"conflict", "Somebody changed the record meanwhile, or the request key was used for something else. Read again. Of a signed act the new statement comes along."},
	{"not-ready", "The process does not allow this act now."},
	{"refused", "A check of the process said no. The try stands in the audit trail."},
	{"forbidden", "The person or machine has no right to this act. The try stands in the audit trail."},
	{"unauthenticated", "There is no token, or it is not good any more. Open a session."},
	{"locked", "The session is locked. Unlock it with the password."},
	{signatureRequired, "The act is signed: statement and digest say what is to be signed. Show every line to the person, then send the same request with signature."},
	{signatureRefused, "User name or password is wrong, or this person may not sign. The try stands in the audit trail."},
	{"too-large", "The body is larger than this address takes."},
	{"unsupported-media-type", "The body is no JSON by its Content-Type, or it is compressed."},
	{"method-not-allowed", "This address does not take this method; the header Allow lists those that it takes."},
	{"not-acceptable", "The header Accept takes no answer of the kind that this address gives. Nothing was done."},
	{"too-many-requests", "Too many tries from one place. Wait for the seconds in Retry-After."},
	{"busy", "The database or a limit stands in the way. Send the same request again with the same request key, after the seconds in Retry-After."},
	{"internal", "A failure inside the system. Nothing was saved. Tell the administrator the reference number."},
}
