package bundle

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"unicode/utf8"
)

const (
	maxDepth  = 32
	maxNumber = 100
)

var errJSON = errors.New("not strict JSON")

// parseObject reads one object of strict JSON: RFC 8259 in UTF-8, no name twice, no half surrogate, bounded depth and numbers. Numbers stay text.
func parseObject(raw []byte) (map[string]any, error) {
	if !utf8.Valid(raw) || !strict(raw) || !json.Valid(raw) {
		return nil, errJSON
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	v, err := value(d)
	if err != nil {
		return nil, err
	}
	object, is := v.(map[string]any)
	if !is {
		return nil, errJSON
	}
	return object, nil
}

// strict looks at what the decoder forgives or would follow too deep: levels, and escaped surrogates.
func strict(raw []byte) bool {
	depth, text := 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case text && c == '\\':
			n, ok := escape(raw[i:])
			if !ok {
				return false
			}
			i += n - 1
		case c == '"':
			text = !text
		case !text && (c == '{' || c == '['):
			if depth++; depth > maxDepth {
				return false
			}
		case !text && (c == '}' || c == ']'):
			depth--
		}
	}
	return true
}

// escape gives the length of the escape at the start; both halves of a pair of surrogates are one.
func escape(raw []byte) (n int, ok bool) {
	if len(raw) < 2 || raw[1] != 'u' {
		return 2, true // json.Valid judges it
	}
	first, ok := unit(raw)
	if !ok || first < 0xD800 || first > 0xDFFF {
		return 6, ok
	}
	if first > 0xDBFF {
		return 0, false
	}
	second, ok := unit(raw[6:])
	return 12, ok && second >= 0xDC00 && second <= 0xDFFF
}

func unit(raw []byte) (uint64, bool) {
	if len(raw) < 6 || raw[0] != '\\' || raw[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(raw[2:6]), 16, 16)
	return n, err == nil
}

// value reads the next value; the text is valid JSON.
func value(d *json.Decoder) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token := token.(type) {
	case json.Number:
		if len(token) > maxNumber {
			return nil, errJSON
		}
	case json.Delim:
		if token == '[' {
			return list(d)
		}
		return object(d)
	}
	return token, nil
}

func list(d *json.Decoder) (any, error) {
	all := []any{}
	for d.More() {
		v, err := value(d)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	_, err := d.Token()
	return all, err
}

func object(d *json.Decoder) (any, error) {
	all := map[string]any{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, err
		}
		name, _ := token.(string) // by the grammar
		if _, twice := all[name]; twice {
			return nil, errJSON
		}
		if all[name], err = value(d); err != nil {
			return nil, err
		}
	}
	_, err := d.Token()
	return all, err
}
