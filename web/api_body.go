package web

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"veribatch/internal/fault"
)

// maxDepth is how deep a JSON body may nest: a command is a flat struct with a signature beside it.
const maxDepth = 16

// strict refuses what two readers could read differently: fields that nobody knows, two values for one field (the default), names in another
// case (the default), bytes that are no characters (the default).
var strict = json.RejectUnknownMembers(true)

// unread is a request that could not be taken as one; it has a status of its own.
type unread struct {
	status int
	error
}

// Unwrap gives the fault.
func (u *unread) Unwrap() error { return u.error }

// encode writes JSON: lists are never null, and the same value gives the same bytes.
func encode(value any) ([]byte, error) {
	return json.Marshal(value, json.Deterministic(true), jsontext.ReorderRawObjects(true))
}

// readBody reads the JSON body of the request strictly into a struct. Nothing is ever decompressed.
func (v *visit) readBody(into any) error {
	r, limit := v.c.Request(), v.route.limit()
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if charset := params["charset"]; err != nil || kind != "application/json" || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return &unread{http.StatusUnsupportedMediaType, fault.New(fault.Invalid, "The body has to be JSON: send it with Content-Type: application/json.")}
	}
	if r.ContentLength > limit {
		return tooMuch(limit)
	}
	raw, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	switch {
	case err != nil:
		return malformed("It did not arrive whole.", "")
	case int64(len(raw)) > limit:
		return tooMuch(limit)
	}
	return decode(raw, into)
}

func tooMuch(limit int64) error {
	return fault.New(fault.TooLarge, "The body is too large: at most %d bytes are taken.", limit)
}

// decode reads JSON strictly. What is wrong is said with its place, without the value that stood there.
func decode(raw []byte, into any) error {
	err := plain(raw)
	if err == nil {
		err = json.Unmarshal(raw, into, strict)
	}
	if err == nil {
		return nil
	}
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) {
		at := string(syntax.JSONPointer)
		switch {
		case errors.Is(err, jsontext.ErrDuplicateName):
			return malformed("One name stands twice.", at)
		case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
			return malformed("It ends too early.", at)
		}
		return malformed("It is no JSON from byte "+itoa(syntax.ByteOffset)+" on.", at)
	}
	var meaning *json.SemanticError
	if !errors.As(err, &meaning) {
		return err
	}
	at := string(meaning.JSONPointer)
	if errors.Is(err, json.ErrUnknownName) {
		return misplaced(at, "This act has no such field. Names are written exactly as in the description, and what stands in the address does not stand in the body.")
	}
	return misplaced(at, "This has to be %s.", wanted(meaning))
}

// wanted says what has to stand at a place, by the type of the field.
func wanted(e *json.SemanticError) string {
	if e.GoType == nil {
		return "something else"
	}
	switch e.GoType.Kind().String() {
	case "string":
		return "text in quotation marks, a number too"
	case "int", "int64", "int32":
		return "a whole number"
	case "bool":
		return "true or false"
	case "slice":
		return "a list"
	case "struct", "ptr":
		return "an object"
	}
	return "something else"
}

// plain refuses null, because a value is there or it is not, and nesting for its own sake.
func plain(raw []byte) error {
	d := jsontext.NewDecoder(bytes.NewReader(raw))
	for {
		token, err := d.ReadToken()
		switch {
		case errors.Is(err, io.EOF):
			return malformed("There is none. An act without fields takes {}.", "")
		case err != nil:
			return err
		case token.Kind() == 'n':
			return misplaced(string(d.StackPointer()), "This is null. Send a value, or leave the field out.")
		case d.StackDepth() > maxDepth:
			return malformed("It nests too deep.", "")
		case d.StackDepth() == 0:
			return nil
		}
	}
}

func malformed(why, at string) error {
	return &unread{http.StatusBadRequest, &fault.Error{Kind: fault.Invalid, Field: strings.TrimPrefix(at, "/"), Message: "The body cannot be read as JSON. " + why}}
}

func misplaced(at, format string, args ...any) error {
	return fault.At(strings.TrimPrefix(at, "/"), format, args...)
}
