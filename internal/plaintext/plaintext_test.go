package plaintext

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goitalic"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/gofont/gomonobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/text/unicode/norm"

	"veribatch/internal/fault"
)

// TestTableEqualsFonts rebuilds the table from the fonts, so that neither can change alone.
func TestTableEqualsFonts(t *testing.T) {
	left := map[rune]bool{0x00: true, '\r': true, 0xa0: true, 0xad: true, 0xf800: true, 0xfffd: true}
	var fonts []*sfnt.Font
	for _, ttf := range [][]byte{goregular.TTF, gobold.TTF, goitalic.TTF, gomono.TTF, gomonobold.TTF} {
		f, err := sfnt.Parse(ttf)
		if err != nil {
			t.Fatal(err)
		}
		fonts = append(fonts, f)
	}
	var buf sfnt.Buffer
	for r := rune(0); r <= unicode.MaxRune; r++ {
		want := !left[r]
		for _, f := range fonts {
			if i, err := f.GlyphIndex(&buf, r); err != nil || i == 0 {
				want = false
				break
			}
		}
		if Printable(r) != want {
			t.Fatalf("%U: printable %v, fonts say %v", r, Printable(r), want)
		}
	}
}

func TestClean(t *testing.T) {
	for _, c := range []struct{ in, want, fault string }{
		{"", "", ""},
		{"Clear, 22.5 °C ± 0.5, ≤ 10 µg, 5 kΩ", "Clear, 22.5 °C ± 0.5, ≤ 10 µg, 5 kΩ", ""},
		{"  klarer Überstand ", "klarer Überstand", ""},
		{"u\u0308ber", "über", ""},
		{"Ω\u2126", "ΩΩ", ""},
		{"прозрачный", "прозрачный", ""},
		{"ok \U0001F600", "", "Character 4 is U+1F600"},
		{"a\u200bb", "", "U+200B (zero-width space)"},
		{"a\u202eb", "", "U+202E (right-to-left override)"},
		{"a\u00a0b", "", "Type an ordinary space"},
		{"a\tb", "", "U+0009 (tab)"},
		{"a\nb", "", "Write it on one line"},
		{"a\x00b", "", "U+0000 (a control character)"},
		{"a\u0327\u0327", "", "U+0327"},
		{"a\ufffdb", "", "U+FFFD"},
		{"清", "", "U+6E05"},
		{"a\xffb", "", "not UTF-8"},
		{strings.Repeat("é", 50), strings.Repeat("é", 50), ""},
		{strings.Repeat("é", 51), "", "longer than 50 characters"},
		{strings.Repeat("x", 1<<20), "", "longer than 50 characters"},
	} {
		got, err := Clean("note", c.in, 50)
		if c.fault == "" {
			if err != nil || got != c.want {
				t.Errorf("%.40q: got %q, %v", c.in, got, err)
			}
			continue
		}
		f := fault.As(err)
		if f == nil || f.Field != "note" || !strings.Contains(f.Message, c.fault) {
			t.Errorf("%.40q: got %q, %v; want a fault with %q", c.in, got, err, c.fault)
			continue
		}
		if _, at := First(f.Message); at >= 0 {
			t.Errorf("the message itself cannot be printed: %q", f.Message)
		}
	}
}

func TestReason(t *testing.T) {
	for text, says := range map[string]bool{"": true, "misread": true, "Δm": true, "17": true, "two\nlines": true, ".": false, "- - -": false, "\u00a0?": false} {
		if got, err := Reason("reason", text, 100); (err == nil) != says || says && got != text {
			t.Errorf("%q: got %q, %v", text, got, err)
		}
	}
}

func TestCleanLines(t *testing.T) {
	got, err := CleanLines("note", "first\r\nsecond\n", 100)
	if err != nil || got != "first\nsecond" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := CleanLines("note", "a\rb", 100); err == nil {
		t.Error("a lone carriage return passed")
	}
}

// FuzzClean: whatever comes in, what is stored is printable, NFC, short enough and stays the same when cleaned again.
func FuzzClean(f *testing.F) {
	for _, s := range []string{"22.5 °C", "u\u0308", "\u1100\u1161", "a\n b ", "\xff", "\U0001F600"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := Clean("x", s, 50)
		if err != nil {
			if fault.KindOf(err) == fault.Internal {
				t.Fatal(err)
			}
			return
		}
		if _, at := First(got); at >= 0 || !norm.NFC.IsNormalString(got) || utf8.RuneCountInString(got) > 50 {
			t.Fatalf("%q became %q", s, got)
		}
		if again, err := Clean("x", got, 50); err != nil || again != got {
			t.Fatalf("%q then %q, %v", got, again, err)
		}
	})
}
