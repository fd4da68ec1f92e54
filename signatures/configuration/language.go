package configuration

import (
	"cmp"
	"slices"
	"strings"

	"veribatch/internal/fault"
	"veribatch/internal/language"
)

// Language is the language of the screens; "" is English.
type Language language.Tag

// Tag gives the language for the catalogues.
func (v Language) Tag() language.Tag { return cmp.Or(language.Tag(v), language.English) }

func (v *Language) put(text string) error {
	tag := language.Tag(text)
	if !slices.Contains(language.All(), tag) {
		return fault.New(fault.Invalid, "type %s", language.Word(v.allowed()))
	}
	*v = Language(tag)
	if tag == language.English {
		*v = ""
	}
	return nil
}

func (v *Language) text() string { return string(v.Tag()) }

func (*Language) allowed() string {
	var tags []string
	for _, tag := range language.All() {
		tags = append(tags, string(tag))
	}
	return strings.Join(tags, " or ")
}
