// Package fault owns the one error type that a person may read: what happened, at which field, and what to do.
// It owns no rule and no HTTP status; the web package maps kinds to pages and the audit package maps PostgreSQL errors to kinds.
// Start reading at Error.
package fault

import (
	"errors"
	"fmt"

	"veribatch/internal/language"
)

// Kind groups faults by what the caller can do about them.
type Kind string

// The kinds, and what each asks of the caller.
const (
	Invalid         Kind = "invalid"         // the input is wrong: mend the named field
	Missing         Kind = "missing"         // no such record
	Conflict        Kind = "conflict"        // someone else changed the record: read again
	NotReady        Kind = "not ready"       // the process does not allow this act now
	Refused         Kind = "refused"         // a check of the process said no (wrong scan, wrong person)
	Forbidden       Kind = "forbidden"       // the person lacks the right
	Unauthenticated Kind = "unauthenticated" // nobody is logged in, or the password is wrong
	TooLarge        Kind = "too large"       // more bytes than the field or body may have
	TooMany         Kind = "too many"        // too often in a short time: wait
	Busy            Kind = "busy"            // the database or a limit stands in the way: try again
	Internal        Kind = "internal"        // our own failure: the text is hidden from the user
)

// Error is a fault in the words of the person who meets it. Field names the input it belongs to ("" for none).
// Cause is kept for logs and never shown.
type Error struct {
	Kind    Kind
	Field   string
	Message string
	Cause   error

	text language.Text // Message, before its arguments were filled in
}

// Error gives the message and, for logs, the cause.
func (e *Error) Error() string {
	if e.Cause != nil {
		return fmt.Sprintf("%s: %v", e.Message, e.Cause)
	}
	return e.Message
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Cause }

// New makes a fault of a kind with a message for the person.
func New(kind Kind, format string, args ...any) *Error {
	return write(kind, "", format, args)
}

// At makes an Invalid fault that belongs to one input field.
func At(field, format string, args ...any) *Error {
	return write(Invalid, field, format, args)
}

// write fills the arguments into a message. A fault among them stands for its own message.
func write(kind Kind, field, format string, args []any) *Error {
	text := language.Write(format, args...)
	return &Error{Kind: kind, Field: field, Message: text.String(), text: text}
}

// In gives the message in another language.
func (e *Error) In(tag language.Tag) string {
	if e.text.Empty() {
		return tag.Say(e.Message)
	}
	return e.text.In(tag)
}

// Of names the input that the fault belongs to.
func (e *Error) Of(field string) *Error {
	e.Field = field
	return e
}

// Because adds the cause, which is logged and never shown.
func (e *Error) Because(cause error) *Error {
	e.Cause = cause
	return e
}

// As finds the fault in an error chain; an error without one becomes Internal with a neutral message.
func As(err error) *Error {
	if err == nil {
		return nil
	}
	var f *Error
	if errors.As(err, &f) {
		return f
	}
	return New(Internal, "Something failed inside the system. Nothing was saved. Tell your administrator.").Because(err)
}

// KindOf gives the kind of an error: "" for nil, Internal for an error that is not a fault.
func KindOf(err error) Kind {
	if err == nil {
		return ""
	}
	return As(err).Kind
}

// Hidden gives the refusal behind a fault that says no more than Missing, so that nobody learns what exists elsewhere: it is for the audit
// trail. nil when nothing is hidden.
func Hidden(err error) *Error {
	var why *Error
	if f := As(err); f != nil && f.Kind == Missing && errors.As(f.Cause, &why) && why.Kind == Forbidden {
		return why
	}
	return nil
}
