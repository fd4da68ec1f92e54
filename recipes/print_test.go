package recipes

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"veribatch/recipes/syntax"
)

func TestPrintKeepsCanonicalText(t *testing.T) {
	r, faults := Check("good", []byte(good))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	if got := string(Print(r)); got != good {
		t.Errorf("printed as\n%s", got)
	}
}

// TestCommentsStayWithTheirNode: when attributes and blocks move into canonical order, comments go with them.
func TestCommentsStayWithTheirNode(t *testing.T) {
	src := strings.NewReplacer(
		"  title       = \"Mixture\"\n", "", // moved down, with a comment of its own
		`  language    = "en"`, "  language = \"en\" # behind the language\n  # before the title\n  # in two lines\n  title = \"Mixture\"",
		`material "WATER" {`, "# before the water\n    material \"WATER\" { # behind the brace",
		`["clear", "cloudy"]`, "[\"clear\", # in the list\n \"cloudy\"]",
		"      sign_off \"030\" {", "//before the review\n      sign_off \"030\" {",
	).Replace(good) + "# at the end\n#\n#   in blocks\n"
	r, faults := Check("x", []byte(src))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	value := "recipe/unit_procedure U1/operation O1/entry 020/value "
	want := map[string][]string{
		"recipe": {"Notes of the author."}, "recipe/language": {"behind the language"}, "recipe/title": {"before the title", "in two lines"},
		"recipe/formula/material WATER": {"before the water", "behind the brace"}, value + "net": {"measured with the scale in room 3"}, value + "look/options": {"in the list"},
		"recipe/unit_procedure U1/operation O1/entry 020/end": {"last words"}, "recipe/unit_procedure U1/operation O1/sign_off 030": {"before the review"},
		"end": {"at the end", "", "in blocks"},
	}
	if got := syntax.Comments(r.Source); !reflect.DeepEqual(got, want) {
		t.Errorf("comments: %q", got)
	}
	again, faults := Check("x", Print(r))
	if len(faults) > 0 || !reflect.DeepEqual(syntax.Comments(again.Source), want) {
		t.Errorf("printed and read again: %v\n%s", faults, Print(r))
	}
}

// FuzzCheck: whatever comes in, the answer is a recipe or faults with places; a recipe prints stably and is one again.
func FuzzCheck(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte(whole))
	f.Fuzz(func(t *testing.T, src []byte) {
		if len(src) > 1<<16 {
			return
		}
		r, faults := Check("x", src)
		if len(faults) > 0 {
			if r != nil {
				t.Fatal("a recipe with faults")
			}
			for _, fault := range faults {
				shown(t, fault)
			}
			return
		}
		printed := Print(r)
		again, faults := Check("x", printed)
		if len(faults) > 0 || !bytes.Equal(Print(again), printed) {
			t.Fatalf("%s\nprinted as\n%s\n%v", src, printed, faults)
		}
	})
}
