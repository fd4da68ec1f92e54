package recipes

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"veribatch/internal/plaintext"
)

// good is a small recipe without fault, in canonical form; tests bend one line of it.
const good = `# Notes of the author.
recipe "MIX-1" {
  title       = "Mixture"
  product     = "Mixture for tests"
  strength    = "5 mg/mL"
  dosage_form = "solution"
  unit_size   = "1.00 kg"
  batch_size  = "50.00 kg"
  language    = "en"

  formula {
    material "API" {
      title    = "Active"
      quantity = "48.50 kg"
      per_unit = "0.97 kg"
      active   = true
    }

    material "WATER" {
      title    = "Water"
      quantity = "1.50 kg"
    }
  }

  packaging "DRUM" {
    title    = "Drum"
    text     = "Drum of steel, closed with a lid."
    specimen = "Mixture for tests, 50 kg"
  }

  yield "FINAL" {
    title       = "Yield"
    after       = "030"
    theoretical = "49.90 kg"

    action {
      low  = "98.0"
      high = "101.0"
    }
  }

  unit_procedure "U1" {
    title = "Mixing"

    operation "O1" {
      title = "Charge"

      instruction "010" {
        title    = "Read"
        text     = "Read the \"instruction\".\nThen go on."
        critical = true
      }

      entry "020" {
        title = "Weigh"
        text  = "Weigh it."

        # measured with the scale in room 3
        value "net" {
          title    = "Net"
          kind     = "decimal"
          unit     = "kg"
          decimals = "2"

          alert {
            low  = "48.40"
            high = "48.60"
          }

          action {
            low  = "48.00"
            high = "49.00"
          }
        }

        value "look" {
          title   = "Appearance"
          kind    = "choice"
          options = ["clear", "cloudy"]
          expect  = "clear"
        }

        value "lot" {
          title  = "Container"
          kind   = "scan"
          expect = "LOT-1"
        }

        value "dry" {
          title = "Is it dry?"
          kind  = "yes_no"
        }

        # last words
      }

      sign_off "030" {
        title   = "Review"
        text    = "Review it."
        role    = "supervisor"
        meaning = "reviewed"
      }
    }
  }
}
`

func TestGood(t *testing.T) {
	r, faults := Check("good.recipe", []byte(good))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	if r.Code != "MIX-1" || r.BatchSize.Text() != "50.00 kg" || len(r.Materials) != 2 || !r.Materials[0].Active || r.Materials[1].Active {
		t.Errorf("header or materials: %+v", r)
	}
	steps := r.Procedure.Steps()
	if len(steps) != 3 || steps[0].Step.Text != "Read the \"instruction\".\nThen go on." || !steps[0].Step.Critical || steps[1].Step.Critical {
		t.Fatalf("steps: %+v", steps)
	}
	net := steps[1].Step.Value("net")
	if net.Decimals != 2 || net.Alert.Text() != "48.40 to 48.60" || net.Action.Text() != "48.00 to 49.00" || net.Unit != "kg" {
		t.Errorf("value: %+v", net)
	}
	if s := steps[2].Step; s.Role != "supervisor" || s.Meaning != "reviewed" {
		t.Errorf("sign-off: %+v", s)
	}
}

// shown: every fault has a place in the text and can itself be printed.
func shown(t *testing.T, f Fault) {
	t.Helper()
	if f.Line < 1 || f.Column < 1 || f.Message == "" || f.Caret > len([]rune(f.Source)) {
		t.Errorf("fault without a place: %+v", f)
	}
	for _, s := range []string{f.Message, f.Hint, f.Source} {
		if r, at := plaintext.First(s); at >= 0 {
			t.Errorf("the fault cannot be printed (%U): %q", r, s)
		}
	}
}

func TestFaultIsReadable(t *testing.T) {
	src := strings.Replace(good, `unit     = "kg"`, `unit     = "KG"`, 1)
	_, faults := Check("mix.recipe", []byte(src))
	const want = `mix.recipe:62:22: The unit "KG" is written "kg" here.
              unit     = "KG"
                         ^
`
	if got := faults.Error(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestAllFaultsAtOnce: one run tells everything, in the order of the text.
func TestAllFaultsAtOnce(t *testing.T) {
	src := strings.NewReplacer(`"50.00 kg"`, `50.00`, `title    = "Active"`, `titel    = "Active"`, `low  = "48.40"`, `low  = "${x}"`, `kind   = "scan"`, `kind   = "scann"`,
		`role    = "supervisor"`, `role    = "boss"`).Replace(good)
	_, faults := Check("x", []byte(src))
	var got []string
	for _, f := range faults {
		got = append(got, fmt.Sprint(f.Line))
	}
	if s := strings.Join(got, " "); s != "8 12 13 66 85 100" {
		t.Errorf("faults in lines %s\n%s", s, faults)
	}
}

func TestAttacks(t *testing.T) {
	deep := func(open, close string) string { return strings.Repeat(open, 10_000) + strings.Repeat(close, 10_000) }
	for name, c := range map[string]struct{ src, says string }{
		"empty":                     {"", "There is no recipe in this text"},
		"blanks":                    {"\n\n  \n", "There is no recipe in this text"},
		"depth 10,000 of blocks":    {deep("a {\n", "}\n"), "nested deeper than 64"},
		"depth 10,000 of lists":     {`a = ` + deep("[", "]"), "nested deeper than 64"},
		"depth 10,000 of parens":    {`a = ` + deep("(", ")"), "nested deeper than 64"},
		"depth 10,000 of templates": {`a = ` + deep(`"${`, `}"`), "nested deeper than 64"},
		"only opening":              {strings.Repeat("{", 10_000), "nested deeper than 64"},
		"only closing":              {strings.Repeat("}", 10_000), "closes nothing"},
		"closing, then opening":     {strings.Repeat("}\n", 65) + strings.Repeat("a {\n", 10_000), "nested deeper than 64"},
		"closed by faulty lines":    {strings.Repeat("a {\n5 ( } )\n", 10_000), "nested deeper than 64"},
		"closed by other signs":     {strings.Repeat("a {\n]\n", 10_000), "nested deeper than 64"},
		"10 MB":                     {strings.Repeat("x", 10<<20), "at most 1048576"},
		"1 MB in one attribute":     {`recipe "R" {` + "\n" + `title = "` + strings.Repeat("x", 1<<20-100) + `"` + "\n}\n", "characters, at most 200"},
		"1 MB of blanks":            {strings.Repeat(" ", 1<<20), "no recipe"},
		"500,000 words":             {strings.Repeat("a\n", 1<<19), "at most 400000"},
		"1 MB of signs":             {strings.Repeat("=", 1<<20), "at most 400000"},
		"90,000 wrong lines":        {strings.Repeat("5\n", 90_000), "There are more faults"},
		"byte order mark":           {"\ufeff" + good, "byte order mark"},
		"UTF-16":                    {"\xff\xfer\x00e\x00", "The byte 0xff is no character"},
		"bad byte at the end":       {good + "\xc3", "The byte 0xc3 is no character"},
		"NUL":                       {strings.Replace(good, "Mixture for tests", "a\x00b", 1), "U+0000"},
		"escape sequence":           {strings.Replace(good, "Mixture for tests", "a\x1b[2Jb", 1), "U+001B"},
		"line ends of old Macs":     {strings.ReplaceAll(good, "\n", "\r"), ""},
		"open quote":                {strings.Replace(good, `"Mixture for tests"`, `"Mixture`, 1), "not closed on its line"},
		"open block":                {good[:len(good)-2], "never closed"},
		"open comment":              {good + "/* x", ""},
		"two recipes":               {good + strings.Replace(good, "MIX-1", "MIX-2", 1), "There is a second recipe"},
		"same recipe twice":         {good + good, "There is a second recipe"},
		"homoglyph":                 {strings.Replace(good, "recipe ", "rec\u0456pe ", 1), "cannot stand here"},
		"no component":              {cut(good, "  formula {", "  unit_procedure"), "no list of components"},
		"empty formula":             {cut(good, "    material \"API\"", "  }\n\n  unit_procedure"), "no list of components"},
		"no step":                   {cut(good, "  unit_procedure", "}\n\x00"), "The recipe has no steps"},
		"empty operation":           {cut(good, "      instruction \"010\"", "    }\n  }\n}\n\x00"), `operation "O1" has no steps`},
		"entry without value":       {cut(good, "        # measured", "      }\n\n      sign_off"), `entry "020" records nothing`},
		"2,001 steps":               {many(2001), "more than 2000 steps"},
	} {
		start := time.Now()
		r, faults := Check(name, []byte(c.src))
		if d := time.Since(start); d > time.Minute {
			t.Errorf("%s: took %v", name, d) // a bound against explosion, wide enough for a busy machine under the race detector
		}
		if r != nil || len(faults) == 0 || len(faults) > 201 || !strings.Contains(faults.Error(), c.says) {
			t.Errorf("%s: %d faults, want one with %q\n%.2000s", name, len(faults), c.says, faults)
		}
		for _, f := range faults {
			shown(t, f)
		}
	}
}

// cut removes what stands from one text up to another; "\x00" stands for the end.
func cut(s, from, to string) string {
	s += "\x00"
	i := strings.Index(s, from)
	j := i + strings.Index(s[i:], to)
	return strings.TrimSuffix(s[:i]+s[j:], "\x00")
}

// many is the good recipe with n steps.
func many(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "      instruction \"X%d\" {\n        title = \"T\"\n        text = \"T\"\n      }\n", i)
	}
	i, j := strings.Index(good, "      instruction \"010\""), strings.Index(good, "    }\n  }\n}\n")
	return strings.Replace(good[:i]+b.String()+good[j:], `after       = "030"`, `after = "X0"`, 1)
}

func TestMostSteps(t *testing.T) {
	r, faults := Check("x", []byte(many(MaxSteps)))
	if len(faults) > 0 || len(r.Procedure.Steps()) != MaxSteps {
		t.Error(faults)
	}
}

// TestOtherWriting: what means the same is read the same.
func TestOtherWriting(t *testing.T) {
	for name, src := range map[string]string{
		"CRLF":            strings.ReplaceAll(good, "\n", "\r\n"),
		"tabs":            strings.ReplaceAll(good, "  ", "\t"),
		"no last newline": strings.TrimSuffix(good, "\n"),
		"other comment":   strings.Replace(good, "# Notes", "// Notes", 1),
		"list on lines":   strings.Replace(good, `["clear", "cloudy"]`, "[\n\"clear\",\n\"cloudy\",\n]", 1),
		"one-line block":  strings.Replace(good, "operation \"O1\" {\n      title = \"Charge\"\n", "operation \"O1\" {\n      title=\"Charge\"\n", 1),
	} {
		r, faults := Check(name, []byte(src))
		if len(faults) > 0 {
			t.Errorf("%s: %s", name, faults)
		} else if got := string(Print(r)); got != good {
			t.Errorf("%s: printed as\n%s", name, got)
		}
	}
	if Digest([]byte(good)) == Digest([]byte(strings.ReplaceAll(good, "\n", "\r\n"))) {
		t.Error("the digest is not that of the exact text")
	}
}
