package report

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"veribatch/internal/plaintext"
)

// file prints a record into a file; KEEP_PDF=folder keeps it to be looked at.
func file(t testing.TB, r Record) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, PDF(&out, r))
	folder := t.TempDir()
	if keep := os.Getenv("KEEP_PDF"); keep != "" {
		folder = keep
	}
	path := filepath.Join(folder, strings.ReplaceAll(t.Name(), "/", "_")+".pdf")
	require.NoError(t, os.WriteFile(path, out.Bytes(), 0o600))
	return path
}

// run starts a program of poppler or qpdf and gives what it printed.
func run(t testing.TB, program string, args ...string) string {
	t.Helper()
	out, err := exec.Command(program, args...).CombinedOutput()
	require.NoError(t, err, "%s: %s", program, out)
	return string(out)
}

// layout gives the text of a file as it stands on paper.
func layout(t testing.TB, path string) string {
	t.Helper()
	return run(t, "pdftotext", "-layout", path, "-")
}

// pages gives the text of each page, in the order in which it was written.
func pages(t testing.TB, path string) []string {
	t.Helper()
	all := strings.Split(run(t, "pdftotext", "-raw", path, "-"), "\f")
	return all[:len(all)-1]
}

// words gives a text on one line.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

func TestFileIsClean(t *testing.T) {
	t.Parallel()
	path := file(t, sample(10))
	require.Contains(t, run(t, "qpdf", "--check", path), "No syntax or stream encoding errors found")
	fonts := strings.Split(strings.TrimSpace(run(t, "pdffonts", path)), "\n")[2:]
	require.Len(t, fonts, 3)
	for _, font := range fonts {
		f := strings.Fields(font)
		require.Equal(t, []string{"yes", "no", "yes"}, f[len(f)-5:len(f)-2], "embedded, subset by its own table, Unicode: %s", font)
	}
}

func TestSameRecordSameFile(t *testing.T) {
	t.Parallel()
	var first, second bytes.Buffer
	require.NoError(t, PDF(&first, sample(20)))
	time.Sleep(1100 * time.Millisecond) // PDF dates count seconds
	require.NoError(t, PDF(&second, sample(20)))
	require.True(t, bytes.Equal(first.Bytes(), second.Bytes()))
	require.Error(t, PDF(&first, Record{}), "a record without a date would be dated by the clock")
}

// TestEveryPageSaysWhatItIs looks at each page alone, as if it had been taken out of its folder.
func TestEveryPageSaysWhatItIs(t *testing.T) {
	t.Parallel()
	for _, demo := range []bool{false, true} {
		for _, state := range []string{"in execution", "complete"} {
			t.Run(fmt.Sprintf("%s demo %v", state, demo), func(t *testing.T) {
				r := sample(30)
				r.Demo, r.State = demo, state
				all := pages(t, file(t, r))
				require.Greater(t, len(all), 15)
				for i, text := range all {
					text = oneLine(text)
					require.Equal(t, 1, strings.Count(text, fmt.Sprintf("Page %d of %d", i+1, len(all))), "page %d: %s", i+1, text)
					require.Equal(t, 1, strings.Count(text, " of "+fmt.Sprint(len(all))), "page %d has one number", i+1)
					for _, want := range []string{"Batch B-000123", "Paracetamol tablets 500 mg", "State: " + state, "Printed 2026-11-20 13:00:00 +01:00 by Anna Berg (anna)"} {
						require.Contains(t, text, want, "page %d", i+1)
					}
					require.Equal(t, demo, strings.Contains(text, "DEMO – not for production use"), "page %d", i+1)
				}
			})
		}
	}
}

// TestContentsLeadToTheirPages: every line of the contents names the page on which its heading stands.
func TestContentsLeadToTheirPages(t *testing.T) {
	t.Parallel()
	path := file(t, sample(30))
	all := pages(t, path)
	found := 0
	for _, line := range strings.Split(run(t, "pdftotext", "-layout", "-l", "3", path, "-"), "\n") {
		f := strings.Fields(line)
		if len(f) < 3 || len(f[0]) > 1 || f[0] < "1" || f[0] > "9" {
			continue
		}
		var page int
		if _, err := fmt.Sscan(f[len(f)-1], &page); err != nil {
			continue
		}
		found++
		require.Contains(t, all[page-1], strings.Join(f[:len(f)-1], " "), "page %d", page)
	}
	require.Equal(t, 9, found)
}

// numbered gives a text of n characters whose every word is another one.
func numbered(n int) string {
	var s strings.Builder
	for i := 0; s.Len() < n; i++ {
		fmt.Fprintf(&s, "w%04d ", i)
	}
	return strings.TrimSpace(s.String()[:n-1]) + "."
}

// requireInOrder asks for all words, in order, whatever stands between them.
func requireInOrder(t *testing.T, text, words string) {
	t.Helper()
	rest := text
	for _, w := range strings.Fields(words) {
		i := strings.Index(rest, w)
		require.GreaterOrEqual(t, i, 0, "%s is missing or out of order", w)
		rest = rest[i+len(w):]
	}
}

func TestLongTexts(t *testing.T) {
	t.Parallel()
	long := numbered(plaintext.MaxComment)
	places := map[string]func(*Record){
		"comment on the batch": func(r *Record) { r.Comments[0].Text = long },
		"comment on a value":   func(r *Record) { r.Units[0].Operations[0].Steps[1].Values[0].Comments[0].Text = long },
		"comment on a step": func(r *Record) {
			r.Units[0].Operations[0].Steps[0].Comments = []Note{{long, anna, at(1)}}
		},
		"reason for a correction": func(r *Record) { r.Units[0].Operations[0].Steps[1].Values[0].Readings[1].Reason = long },
		"text reading": func(r *Record) {
			reading := &r.Units[0].Operations[0].Steps[2].Values[2].Readings[0]
			reading.Text, reading.Raw = long, long
		},
		"instruction":    func(r *Record) { r.Units[0].Operations[0].Steps[0].Text = long },
		"cause of hold":  func(r *Record) { r.Holds[0].Cause = long },
		"title of value": func(r *Record) { r.Units[0].Operations[0].Steps[1].Values[0].Title = long },
		"trail":          func(r *Record) { r.Trail[0].Reason = long },
	}
	for name, put := range places {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := sample(4)
			put(&r)
			path := file(t, r)
			requireInOrder(t, strings.Join(pages(t, path), "\n"), long)
			run(t, "qpdf", "--check", path)
		})
	}
}

// TestUnbrokenText: 4,000 letters without a blank stay on the paper, each of them, inside the margins.
func TestUnbrokenText(t *testing.T) {
	t.Parallel()
	r := sample(4)
	r.Comments[0].Text = strings.Repeat("Ж", plaintext.MaxComment)
	r.Units[0].Operations[0].Steps[2].Values[2].Options[0] = strings.Repeat("Ю", 200)
	path := file(t, r)
	// Only what stands inside the printable area of the page, left 20 mm to right 13 mm, in units of 1/72 inch.
	inside := run(t, "pdftotext", "-layout", "-x", "56", "-y", "0", "-W", "503", "-H", "842", path, "-")
	require.Equal(t, plaintext.MaxComment, strings.Count(inside, "Ж"))
	require.Equal(t, 200, strings.Count(inside, "Ю"))
}

// TestHeadingsStandWithTheirSteps moves the headings of unit procedures and operations over page breaks, line by line: none of them is the last thing
// on its page.
func TestHeadingsStandWithTheirSteps(t *testing.T) {
	t.Parallel()
	for filler := 30; filler < 40; filler++ {
		r := sample(3)
		r.Trail = r.Trail[:1]
		first := r.Units[0].Operations[0].Steps[0]
		first.Text = strings.Repeat("One more line of the instruction, which is so long that it fills the line.\n", filler)
		r.Units[0].Operations[0].Steps[0] = first
		second := sample(3).Units[0]
		second.ID, second.Operations[0].ID = "UP-LAST", "OP-LAST"
		second.Operations[0].Steps[0].Text = strings.Repeat("Another long line of the instruction. ", 1+filler%7*6)
		r.Units = append(r.Units, second)
		for n, page := range pages(t, file(t, r)) {
			if i := max(strings.LastIndex(page, "unit procedure "), strings.LastIndex(page, "operation ")); i >= 0 {
				require.Contains(t, page[i:], "Value or act", "%d lines: a heading ends page %d", filler, n+1)
			}
		}
	}
}

// TestCorrectionAcrossPages moves a corrected value over a page break, line by line: wherever the break falls, the page with the reading that was
// struck through, the page with the one that replaced it and each page with a part of the reason say of which step and value they speak.
func TestCorrectionAcrossPages(t *testing.T) {
	t.Parallel()
	splits := 0
	for filler := 0; filler < 45; filler += 3 {
		t.Run(fmt.Sprint(filler), func(t *testing.T) {
			if len(correctionAt(t, filler)) > 1 {
				splits++
			}
		})
	}
	require.Greater(t, splits, 6, "the break has to fall into the value")
}

// correctionAt prints a record with so many lines before the corrected value and gives the pages on which the value stands.
func correctionAt(t *testing.T, filler int) map[int]bool {
	r := sample(3)
	op := &r.Units[0].Operations[0]
	op.Steps[0].Text = strings.TrimSpace(strings.Repeat("line\n", filler+1))
	step := &op.Steps[1]
	step.Text, step.Values = "Weigh.", step.Values[:1]
	value := &step.Values[0]
	value.Comments = nil
	value.Title, value.Readings[0].Text, value.Readings[1].Text = "Corrected weight", "77.701", "77.702"
	value.Readings[1].Reason = numbered(4000)
	all := pages(t, file(t, r))
	on := map[int]bool{}
	for i, text := range all[1:] { // the first page lists it as a point of attention
		if !spoken.MatchString(text) {
			continue
		}
		on[i] = true
		for _, want := range []string{"Corrected weight", "Weigh the starch", "Judgement"} {
			require.Contains(t, oneLine(text), want, "page %d", i+2)
		}
	}
	requireInOrder(t, strings.Join(all, "\n"), value.Readings[1].Reason)
	return on
}

// spoken finds both readings and any word of the reason.
var spoken = regexp.MustCompile(`77\.70[12]|\bw\d{4}\b`)

// TestStrangeCharacters: a record from before the rules of today is printed all the same, and what cannot be shown is named.
func TestStrangeCharacters(t *testing.T) {
	t.Parallel()
	r := sample(4)
	r.Batch.Product = "Tablets \U0001F600"
	r.Comments[0].Text = "smile \U0001F600 linear B \U00010000 max \U0010FFFF bmp \uffff tab\there null\x00 broken \xff override \u202e end {nb} \\(x\\) 12 °C ± 0,5 ≤ µ Ω Жы"
	path := file(t, r)
	text := oneLine(strings.Join(pages(t, path), "\n"))
	for _, want := range []string{"Tablets [U+1F600]", "smile [U+1F600] linear B [U+10000] max [U+10FFFF] bmp [U+FFFF] tab[U+0009]here null[U+0000] broken [U+FFFD] override [U+202E] end",
		`{nb} \(x\) 12 °C ± 0,5 ≤ µ Ω Жы`} {
		require.Contains(t, text, want)
	}
	run(t, "qpdf", "--check", path)
}

func TestEmptyRecord(t *testing.T) {
	t.Parallel()
	path := file(t, Record{GeneratedAt: day})
	text := oneLine(layout(t, path))
	for _, want := range []string{"None: no alert or action limit", "The recipe has no steps", "The batch was never held", "Nothing has been signed", "The stream has no entries"} {
		require.Contains(t, text, want)
	}
	run(t, "qpdf", "--check", path)
}

// TestWrap: no character is lost, no line is wider than its column.
func TestWrap(t *testing.T) {
	s := newSheet(&Record{GeneratedAt: day})
	letters := rapid.StringOfN(rapid.SampledFrom([]rune("aW.,  \nЖ°ﬁ")), 0, 300, -1)
	rapid.Check(t, func(t *rapid.T) {
		text := letters.Draw(t, "text")
		width := rapid.Float64Range(8, 120).Draw(t, "width")
		lines := s.wrap(text, body, width)
		squeeze := func(x string) string { return strings.NewReplacer(" ", "", "\n", "").Replace(x) }
		if squeeze(strings.Join(lines, "")) != squeeze(text) {
			t.Fatalf("%q became %q", text, lines)
		}
		for _, l := range lines {
			if w := s.width(strings.TrimRight(l, " "), body); w > width {
				t.Fatalf("%q is %.1f mm wide, the column %.1f", l, w, width)
			}
		}
	})
}

// BenchmarkPDF200Steps prints a record of 200 steps with 803 entries of its trail; aim: at most 2 s.
func BenchmarkPDF200Steps(b *testing.B) {
	r := sample(200)
	for b.Loop() {
		var out bytes.Buffer
		require.NoError(b, PDF(&out, r))
		b.ReportMetric(float64(out.Len()), "bytes")
	}
	if per := b.Elapsed() / time.Duration(b.N); per > 2*time.Second {
		b.Fatalf("%v for 200 steps; the aim is 2 s", per)
	}
}
