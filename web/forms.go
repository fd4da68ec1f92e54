package web

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"veribatch/internal/fault"
)

// maxField is the most bytes of one field, four bytes for each character of the longest comment; a recipe text may fill its whole request.
const maxField = 16 << 10

// readForm reads the posted fields into v.form: at most limit bytes, every field once, nothing but text. A body that is too long is
// refused at the field in which the limit was reached.
func (v *visit) readForm(limit int64) error {
	v.form = url.Values{}
	r := v.c.Request()
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case err == nil && kind == "application/x-www-form-urlencoded":
		return v.readPlain(io.LimitReader(r.Body, limit+1), limit)
	case err == nil && kind == "multipart/form-data" && limit == maxRecipe:
		return v.readParts(multipart.NewReader(http.MaxBytesReader(v.c.Response(), r.Body, limit+maxForm), params["boundary"]), limit)
	}
	return fault.New(fault.Invalid, "This is not a form of this site. Open the page again.")
}

func (v *visit) readPlain(body io.Reader, limit int64) error {
	raw, err := io.ReadAll(body)
	if err != nil {
		return fault.New(fault.Invalid, "The form did not arrive whole. Send it again.").Because(err)
	}
	text := string(raw)
	cut := int64(len(raw)) > limit
	if cut {
		text = text[:limit]
	}
	for pair := range strings.SplitSeq(text, "&") {
		rawName, rawValue, _ := strings.Cut(pair, "=")
		name, err1 := url.QueryUnescape(rawName)
		if cut && strings.HasSuffix(text, pair) {
			return tooLong(name)
		}
		value, err2 := url.QueryUnescape(rawValue)
		if errors.Join(err1, err2) != nil {
			return fault.New(fault.Invalid, "The form cannot be read. Open the page again.")
		}
		if pair == "" {
			continue
		}
		if err := v.addField(name, value, maxField); err != nil {
			return err
		}
	}
	return nil
}

// readParts reads a form with a file: the content of the file stands as the field of its name.
func (v *visit) readParts(parts *multipart.Reader, limit int64) error {
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return unreadable(err)
		}
		raw, err := io.ReadAll(io.LimitReader(part, limit+1))
		if err != nil {
			return unreadable(err)
		}
		if len(raw) == 0 && part.FileName() == "" && part.FormName() == "file" {
			continue
		}
		if err := v.addField(part.FormName(), string(raw), int(limit)); err != nil {
			return err
		}
	}
}

func unreadable(err error) error {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return tooLong("text")
	}
	return fault.New(fault.Invalid, "The form cannot be read. Open the page again.").Because(err)
}

func (v *visit) addField(name, value string, limit int) error {
	switch {
	case v.form.Has(name):
		return fault.At(name, "This form has two values for one field. Open the page again.")
	case len(value) > limit:
		return tooLong(name)
	case !utf8.ValidString(name) || !utf8.ValidString(value):
		return fault.At(name, "This text has bytes that are not characters (not UTF-8). Type it again instead of pasting it.")
	}
	v.form.Set(name, value)
	return nil
}

func tooLong(field string) error {
	f := fault.New(fault.TooLarge, "This is longer than the field may be. Shorten it, or split it into several entries.")
	f.Field = field
	return f
}

// carried are the fields that every form may carry beside those of its command.
var carried = []string{"key", "user_name", "password", "statement"}

// bind fills a command from the address and the form. A command is a plain struct of strings, lists of words and counts whose `form` tags are the field names; what
// the tags leave out ("-") stands in the address, under its JSON name. names says which field of the form is which of the command. A field
// that the command does not know is refused: a form that says more than the act knows was not made here.
func bind(v *visit, command any, names map[string]string) error {
	posted := url.Values{}
	for name := range v.form {
		target := name
		if other, ok := names[name]; ok {
			target = other
		}
		if posted.Has(target) {
			return fault.At(name, "This form has two values for one field. Open the page again.")
		}
		posted.Set(target, v.form.Get(name))
	}
	target := reflect.ValueOf(command).Elem()
	for i := range target.NumField() {
		tag := target.Type().Field(i).Tag
		if name := tag.Get("json"); slices.Contains(v.c.ParamNames(), name) {
			target.Field(i).SetString(v.c.Param(name))
		} else if name := tag.Get("form"); name != "-" {
			if err := set(target.Field(i), posted.Get(name)); err != nil {
				return fault.At(name, "This has to be a whole number. Type it with digits only.").Because(err)
			}
			posted.Del(name)
		}
	}
	for name := range posted {
		if !slices.Contains(carried, name) {
			return fault.New(fault.Invalid, "This form has a field that does not belong to it. Open the page again.")
		}
	}
	return nil
}

// set puts what was posted into one field of a command; a count that was not posted is 0, and the words of a list stand between blanks.
func set(field reflect.Value, text string) error {
	if field.Kind() == reflect.String {
		field.SetString(text)
		return nil
	}
	if field.Kind() == reflect.Slice {
		field.Set(reflect.ValueOf(strings.Fields(text)).Convert(field.Type()))
		return nil
	}
	if text == "" {
		return nil
	}
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return err
	}
	field.SetInt(int64(n))
	return nil
}
