package signatures

import (
	"bytes"
	"strings"
	"testing"

	"veribatch/internal/fault"
)

const batchStream = "batch/01936f3e-0000-7000-8000-00000000000a"

// verified is the statement that the pure tests start from.
func verified() Statement {
	return Statement{
		Version: StatementVersion, Act: "step.verify", Meaning: "verified", Language: "en",
		Records: []RecordRef{{Stream: batchStream, ID: "01936f3e-0000-7000-8000-00000000000a", Version: 7}},
		Lines:   []Line{{"Batch", "B-0001"}, {"Moisture (limit 1.8–2.4 %)", "2.10 %"}, {"Comment", ""}, {"Reason", "two\nlines & <b>"}},
	}
}

func TestStatementIsCanonicalAndComesBack(t *testing.T) {
	content, err := verified().Canonical()
	if err != nil {
		t.Fatal(err)
	}
	want := `{"act":"step.verify","language":"en","lines":[{"label":"Batch","value":"B-0001"},` +
		`{"label":"Moisture (limit 1.8–2.4 %)","value":"2.10 %"},{"label":"Comment","value":""},{"label":"Reason","value":"two\nlines & <b>"}],` +
		`"meaning":"verified","records":[{"id":"01936f3e-0000-7000-8000-00000000000a","stream":"batch/01936f3e-0000-7000-8000-00000000000a","version":7}],"v":1}`
	if string(content) != want {
		t.Fatalf("canonical bytes\n%s\nwant\n%s", content, want)
	}
	back, err := ParseStatement(content)
	if err != nil {
		t.Fatal(err)
	}
	first, _ := verified().Digest()
	second, err := back.Digest()
	if err != nil || first != second || len(first.String()) != 64 {
		t.Fatalf("digests %s and %s, %v", first, second, err)
	}
}

// Every member counts: changing any one gives another digest.
func TestStatementDigestCoversEveryMember(t *testing.T) {
	original, err := verified().Digest()
	if err != nil {
		t.Fatal(err)
	}
	changes := map[string]func(*Statement){
		"act":         func(s *Statement) { s.Act = "step.perform" },
		"meaning":     func(s *Statement) { s.Meaning = "performed" },
		"language":    func(s *Statement) { s.Language = "de" },
		"stream":      func(s *Statement) { s.Records[0].Stream = "batch/other" },
		"id":          func(s *Statement) { s.Records[0].ID = "other" },
		"version":     func(s *Statement) { s.Records[0].Version++ },
		"one more":    func(s *Statement) { s.Records = append(s.Records, RecordRef{"lot/1", "1", 1}) },
		"label":       func(s *Statement) { s.Lines[0].Label = "Lot" },
		"value":       func(s *Statement) { s.Lines[1].Value = "2.1 %" },
		"line order":  func(s *Statement) { s.Lines[0], s.Lines[1] = s.Lines[1], s.Lines[0] },
		"line number": func(s *Statement) { s.Lines = s.Lines[:3] },
	}
	for name, change := range changes {
		s := verified()
		change(&s)
		digest, err := s.Digest()
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if digest == original {
			t.Errorf("%s: same digest", name)
		}
	}
}

func TestStatementRefuses(t *testing.T) {
	long := strings.Repeat("x", maxValue+1)
	cases := map[string]func(*Statement){
		"no version":             func(s *Statement) { s.Version = 0 },
		"later version":          func(s *Statement) { s.Version = 2 },
		"act in words":           func(s *Statement) { s.Act = "Verify step" },
		"no meaning":             func(s *Statement) { s.Meaning = "" },
		"meaning in two lines":   func(s *Statement) { s.Meaning = "verified\nreleased" },
		"no language":            func(s *Statement) { s.Language = "" },
		"no record":              func(s *Statement) { s.Records = nil },
		"record twice":           func(s *Statement) { s.Records = append(s.Records, s.Records[0]) },
		"record twice, versions": func(s *Statement) { s.Records = append(s.Records, RecordRef{batchStream, s.Records[0].ID, 8}) },
		"version 0":              func(s *Statement) { s.Records[0].Version = 0 },
		"version 2^31":           func(s *Statement) { s.Records[0].Version = 1 << 31 },
		"stream without kind":    func(s *Statement) { s.Records[0].Stream = "B-0001" },
		"id with space":          func(s *Statement) { s.Records[0].ID = "a b" },
		"no line":                func(s *Statement) { s.Lines = nil },
		"too many lines":         func(s *Statement) { s.Lines = make([]Line, maxLines+1) },
		"no label":               func(s *Statement) { s.Lines[0].Label = "" },
		"long label":             func(s *Statement) { s.Lines[0].Label = long },
		"long value":             func(s *Statement) { s.Lines[0].Value = long },
		"zero width space":       func(s *Statement) { s.Lines[0].Value = "B-00\u200b01" },
		"right to left":          func(s *Statement) { s.Lines[0].Value = "\u202e1000-B" },
		"tab":                    func(s *Statement) { s.Lines[0].Value = "a\tb" },
		"carriage return":        func(s *Statement) { s.Lines[0].Value = "a\rb" },
		"no-break space":         func(s *Statement) { s.Lines[0].Value = "2.1\u00a0%" },
		"not NFC":                func(s *Statement) { s.Lines[0].Value = "u\u0308" },
		"emoji":                  func(s *Statement) { s.Lines[0].Value = "ok \U0001F44D" },
		"not UTF-8":              func(s *Statement) { s.Lines[0].Value = "\xff" },
	}
	for name, spoil := range cases {
		t.Run(name, func(t *testing.T) {
			s := verified()
			spoil(&s)
			if content, err := s.Canonical(); fault.KindOf(err) != fault.Invalid {
				t.Fatalf("accepted (%v): %.200s", err, content)
			}
		})
	}
	s := verified()
	s.Lines = nil
	for range 40 {
		s.Lines = append(s.Lines, Line{"Text", strings.Repeat("ж", maxValue)})
	}
	if _, err := s.Canonical(); fault.KindOf(err) != fault.TooLarge {
		t.Fatalf("a statement of 600 KB: %v", err)
	}
}

func TestParseStatementTakesOnlyCanonicalBytes(t *testing.T) {
	content, err := verified().Canonical()
	if err != nil {
		t.Fatal(err)
	}
	replace := func(old, new string) []byte { return bytes.Replace(content, []byte(old), []byte(new), 1) }
	cases := map[string][]byte{
		"nothing":         nil,
		"cut":             content[:len(content)-1],
		"something after": append(bytes.Clone(content), '1'),
		"newline after":   append(bytes.Clone(content), '\n'),
		"space":           replace(`"v":1`, `"v": 1`),
		"unknown member":  replace(`"v":1`, `"u":1,"v":1`),
		"member twice":    replace(`"v":1`, `"v":1,"v":1`),
		"other case":      replace(`"act"`, `"Act"`),
		"other order":     replace(`{"label":"Batch","value":"B-0001"}`, `{"value":"B-0001","label":"Batch"}`),
		"escaped":         replace(`B-0001`, `\u0042-0001`),
		"float version":   replace(`"v":1`, `"v":1.0`),
		"null":            []byte("null"),
		"array":           []byte("[]"),
		"deep":            []byte(strings.Repeat(`{"lines":[`, 10_000)),
		"large":           []byte(`"` + strings.Repeat("x", MaxStatementBytes) + `"`),
	}
	for name, c := range cases {
		if s, err := ParseStatement(c); err == nil {
			t.Errorf("%s: accepted %+v", name, s)
		} else if fault.KindOf(err) == fault.Internal {
			t.Errorf("%s: internal: %v", name, err)
		}
	}
}

// FuzzParseStatement: whatever is accepted is exactly its own canonical form, and nothing makes the parser fail otherwise than with a fault.
func FuzzParseStatement(f *testing.F) {
	content, err := verified().Canonical()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(content)
	f.Add([]byte(`{"act":"a.b","language":"en","lines":[{"label":"l","value":""}],"meaning":"m","records":[{"id":"1","stream":"lot/1","version":1}],"v":1}`))
	f.Add([]byte(`{"v":1e0,"lines":[{"label":"\ud800","value":"\u2028"}]}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		s, err := ParseStatement(content)
		if err != nil {
			if fault.KindOf(err) == fault.Internal {
				t.Fatalf("internal: %v", err)
			}
			return
		}
		again, err := s.Canonical()
		if err != nil || !bytes.Equal(again, content) {
			t.Fatalf("accepted %q, prints %q, %v", content, again, err)
		}
	})
}
