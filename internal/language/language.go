// Package language owns the texts of the screens in other languages than English, in which the program is written: English, with its verbs, is
// the key of a catalogue. It does not own which language a plant has chosen (signatures/configuration), and nothing of the record: entries of
// the audit trail, statements, reports and the API stay as they are written. Start reading at Tag.Say.
package language

import (
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Tag names a language as BCP 47 does.
type Tag string

// The languages of the screens.
const (
	English Tag = "en"
	German  Tag = "de"
)

//go:embed *.json
var files embed.FS

var catalogues = map[Tag]map[string]string{English: {}, German: read(German)}

// read loads a catalogue. The files are part of the program and held by tests: one that cannot be read is a fault of the build.
func read(tag Tag) (texts map[string]string) {
	content, err := files.ReadFile(string(tag) + ".json")
	if err == nil {
		err = json.Unmarshal(content, &texts)
	}
	if err != nil {
		panic(fmt.Sprintf("catalogue %s: %v", tag, err))
	}
	return texts
}

// All lists the languages there are.
func All() []Tag { return slices.Sorted(maps.Keys(catalogues)) }

// Known tells whether there is a catalogue of the language.
func (t Tag) Known() bool { return catalogues[t] != nil }

// Say gives a text in the language, its verbs filled with the arguments as fmt.Sprintf does; a text without arguments stays as it is. What the
// catalogue does not know is said in English, so that nobody ever looks at nothing.
func (t Tag) Say(english string, args ...any) string {
	text, known := catalogues[t][english]
	if !known {
		text = english
	}
	if len(args) == 0 {
		return text
	}
	return fmt.Sprintf(text, args...)
}

// Text is a text of the program that is not yet in any language: it comes from where nobody knows who will read it.
type Text struct {
	english string
	args    []any
}

// Write makes a text of its English words and their arguments. An argument that knows languages itself (another Text, a fault), or is of a type of
// its own over string (a state, a role), is a word of the program and is said in the language, too; a plain string is what somebody typed.
func Write(english string, args ...any) Text { return Text{english, args} }

// Word is a word of the program among the arguments of a Text.
type Word string

// Join makes one text of several, with something between them.
func Join[T any](parts []T, between string) Text {
	args := make([]any, len(parts))
	for i, p := range parts {
		args[i] = p
	}
	return Text{strings.Join(slices.Repeat([]string{"%s"}, len(parts)), between), args}
}

// Empty tells whether nothing was written.
func (t Text) Empty() bool { return t.english == "" }

// String gives the text in English.
func (t Text) String() string { return t.In(English) }

// In gives the text in a language.
func (t Text) In(tag Tag) string {
	args := make([]any, len(t.args))
	for i, a := range t.args {
		args[i] = a
		switch a := a.(type) {
		case interface{ In(Tag) string }:
			args[i] = a.In(tag)
		case string, fmt.Stringer, nil:
		default:
			if v := reflect.ValueOf(a); v.Kind() == reflect.String {
				args[i] = tag.Say(v.String())
			}
		}
	}
	return tag.Say(t.english, args...)
}

// Knows gives the text that the catalogue has for an English one.
func (t Tag) Knows(english string) (text string, known bool) {
	text, known = catalogues[t][english]
	return text, known
}

// Texts lists what the catalogue knows, in English.
func (t Tag) Texts() []string { return slices.Sorted(maps.Keys(catalogues[t])) }
