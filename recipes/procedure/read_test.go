package procedure

import (
	"strings"
	"testing"
	"time"

	"veribatch/internal/fault"
	"veribatch/internal/plaintext"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.FixedZone("CET", 3600))

func TestReadValue(t *testing.T) {
	p := small()
	lod, look := p.Step("020").Value("lod"), p.Step("020").Value("look")
	lot, mass, clear := p.Step("030").Value("lot"), p.Step("030").Value("mass"), p.Step("030").Value("clear")
	end, colour := p.Step("050").Value("end"), p.Step("050").Value("colour")
	for _, c := range []struct {
		value *Value
		raw   string
		want  string // display; "" = refused
		says  string
	}{
		{lod, "2.20", "2.20 %", ""}, {lod, "2", "2 %", ""}, {lod, "2.201", "", "at most 2 decimals"}, {lod, "2,2", "", "separator"}, {lod, "", "", "Loss on drying is missing"},
		{lod, "1.5e3", "", "exponent"}, {lod, "NaN", "", "does not belong"}, {lod, strings.Repeat("9", 1<<20), "", "longer than 30"}, {mass, "10.0", "10.0 kg", ""},
		{look, " white powder ", "white powder", ""}, {look, "u\u0308", "ü", ""}, {look, "   ", "", "only blanks"}, {look, "a\nb", "", "one line"}, {look, "\U0001F600", "", "U+1F600"},
		{look, strings.Repeat("x", 4001), "", "longer than 4000"}, {look, strings.Repeat("x", 4000), strings.Repeat("x", 4000), ""},
		{lot, "LOT-1", "LOT-1", ""}, {lot, "LOT-2", "", "Wrong code"}, {lot, "", "", "Container is missing"},
		{clear, "yes", "yes", ""}, {clear, "no", "no", ""}, {clear, "Yes", "", "Choose yes or no"}, {clear, "maybe", "", "Choose yes or no"},
		{colour, "off-white", "off-white", ""}, {colour, "pink", "", "Choose one of: white, off-white"},
		{end, "2026-11-20 11:59", "2026-11-20 11:59 +01:00", ""}, {end, "2026-11-20T11:59", "2026-11-20 11:59 +01:00", ""}, {end, "2026-11-20 12:01", "2026-11-20 12:01 +01:00", ""},
		{end, "2026-11-20 10:30 +00:00", "2026-11-20 10:30 +00:00", ""}, {end, "2026-11-20 12:02", "", "lies in the future"}, {end, "2026-11-20 11:30 +00:00", "", "lies in the future"},
		{end, "2026-02-30 11:00", "", "not a date"}, {end, "20.11.2026", "", "not a date"}, {end, "2026-11-20", "", "not a date"}, {end, "0026-11-20 11:00", "", "year is wrong"},
		{end, "2026-11-20 25:00", "", "not a date"}, {end, "2026-11-20 1:00", "", "not a date"}, {end, "2026-11-20 11:00:00", "", "not a date"},
	} {
		r, err := ReadValue(c.value, c.raw, noon, Ahead)
		if c.want != "" {
			if got := (Event{Reading: r.Text, Unit: r.Unit}).Display(); err != nil || got != c.want {
				t.Errorf("%s %.40q: got %q, %v; want %q", c.value.ID, c.raw, got, err, c.want)
			}
			continue
		}
		f := fault.As(err)
		if f == nil || f.Kind == fault.Internal || f.Field != FieldReading || !strings.Contains(f.Message, c.says) {
			t.Errorf("%s %.40q: got %q, %v; want a fault with %q", c.value.ID, c.raw, r.Text, err, c.says)
		}
	}
}

// TestChangedClocks: an hour that the clocks jumped over is refused, one that they showed twice asks for the distance from UTC.
func TestChangedClocks(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, berlin)
	end := small().Step("050").Value("end")
	for _, c := range []struct{ raw, want, says string }{
		{"2026-03-29 01:59", "2026-03-29 01:59 +01:00", ""}, {"2026-03-29 03:00", "2026-03-29 03:00 +02:00", ""},
		{"2026-03-29 02:00", "", "2026-03-29 02:00 did not exist here"}, {"2026-03-29T02:30", "", "did not exist here"}, {"2026-03-29 02:59", "", "did not exist here"},
		{"2026-10-25 01:59", "2026-10-25 01:59 +02:00", ""}, {"2026-10-25 03:00", "2026-10-25 03:00 +01:00", ""},
		{"2026-10-25 02:00", "", "2026-10-25 02:00 +02:00 before, or 2026-10-25 02:00 +01:00 after"}, {"2026-10-25T02:59", "", "came twice"},
		{"2026-10-25 02:30 +02:00", "2026-10-25 02:30 +02:00", ""}, {"2026-10-25 02:30 +01:00", "2026-10-25 02:30 +01:00", ""},
	} {
		r, err := ReadValue(end, c.raw, now, Ahead)
		if c.says == "" && (err != nil || r.Text != c.want) {
			t.Errorf("%s: got %q, %v", c.raw, r.Text, err)
		}
		if c.says != "" && (fault.KindOf(err) != fault.Invalid || fault.As(err).Field != FieldReading || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: got %q, %v; want a fault with %q", c.raw, r.Text, err, c.says)
		}
	}
}

// TestScannedSeparator: a GS1 label with FNC1 between its fields matches the recipe that states it, and any other label is named and refused.
func TestScannedSeparator(t *testing.T) {
	v := &Value{ID: "lot", Title: "Container", Kind: Scan, Expect: "010401234567890110ABC[U+001D]21X7"}
	r, err := ReadValue(v, "010401234567890110ABC\x1d21X7", noon, Ahead)
	if err != nil || r.Text != v.Expect {
		t.Fatalf("got %q, %v", r.Text, err)
	}
	for raw, says := range map[string]string{
		"010401234567890110ABD\x1d21X7": `reads "010401234567890110ABD[U+001D]21X7"`, "010401234567890110ABC21X7": `reads "010401234567890110ABC21X7"`,
		"\x00\u200b\U0001F600": `reads "[U+0000][U+200B][U+1F600]"`, "a\tb": `reads "a[U+0009]b"`, "\xff": `reads "`,
		strings.Repeat("\x1d", 1<<16): `reads "[U+001D][U+001D]`,
	} {
		_, err := ReadValue(v, raw, noon, Ahead)
		f := fault.As(err)
		if f == nil || f.Kind != fault.Refused || f.Field != FieldReading || !strings.Contains(f.Message, says) {
			t.Errorf("%.30q: got %v, want it refused with %s", raw, err, says)
			continue
		}
		if _, at := plaintext.First(f.Message); at >= 0 {
			t.Errorf("%.30q: the refusal cannot be printed: %q", raw, f.Message)
		}
	}
	if _, err := ReadValue(v, " \n ", noon, Ahead); fault.KindOf(err) != fault.Invalid {
		t.Errorf("blanks: %v", err)
	}
	p := newPlant(t)
	p.state = Start(&Procedure{Units: []UnitProcedure{{ID: "U", Operations: []Operation{{ID: "O", Steps: []Step{{ID: "010", Kind: Entry, Values: []Value{*v}}}}}}}})
	p.do(started...).do(act(EventRecorded, "anna", "010.lot", "010401234567890110ABC\x1d21X7"))
	if a := p.state.Step("010").Value("lot").Current(); a.Raw != v.Expect || a.Reading != v.Expect {
		t.Errorf("recorded %q from %q", a.Reading, a.Raw)
	}
}

// FuzzReadValue: whatever is typed, what is kept can be printed and is read the same again.
func FuzzReadValue(f *testing.F) {
	for i, s := range []string{"2.20", "white", "LOT-1", "10.0", "yes", "2026-11-20 11:59", "off-white", "\U0001F600", "1e5", "2026-11-20 10:30 -07:00"} {
		f.Add(s, uint8(i))
	}
	var values []*Value
	for _, path := range small().Steps() {
		for v := range path.Step.Values {
			values = append(values, &path.Step.Values[v])
		}
	}
	f.Fuzz(func(t *testing.T, raw string, which uint8) {
		v := values[int(which)%len(values)]
		r, err := ReadValue(v, raw, noon, Ahead)
		if err != nil {
			if k := fault.KindOf(err); k == fault.Internal {
				t.Fatal(err)
			}
			return
		}
		if _, at := plaintext.First(r.Text); at >= 0 || r.Text == "" {
			t.Fatalf("%q was read as %q", raw, r.Text)
		}
		if again, err := ReadValue(v, r.Text, noon, Ahead); err != nil || again.Text != r.Text {
			t.Fatalf("%q was read as %q, then as %q, %v", raw, r.Text, again.Text, err)
		}
	})
}
