package browser_test

import (
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"veribatch/internal/browser"
	"veribatch/signatures/signtest"
)

// ledger is what was typed, kept apart from the program: the printed record is compared with it and with nothing that the program says.
type ledger struct {
	entries []entry
	words   []remark
	refused []signing // acts that were refused, which the record lists as points of attention
	signed  []signing
}

// entry is one reading as typed. One line of the record has the reading, its mark and the person.
type entry struct {
	step, value string // value: its id, where the order of the record is asked for
	typed       string
	unit        string // printed behind the reading
	mark        string // what the record says beside it, "▲ alert limit"
	how         string // recorded, repeated measurement, correction
	by          signtest.Person
}

// remark is a reason or a comment. The chapter is the id of a step or the title of a part of the record.
type remark struct{ chapter, label, text string }

type signing struct {
	meaning string
	who     signtest.Person
}

func (l *ledger) read(e entry) { l.entries = append(l.entries, e) }
func (l *ledger) say(chapter, label, text string) {
	l.words = append(l.words, remark{chapter, label, text})
}
func (l *ledger) sign(m string, w signtest.Person) { l.signed = append(l.signed, signing{m, w}) }

const fetchRecord = `(async () => {
	const answer = await fetch(document.querySelector("a[type='application/pdf']").href);
	if (!answer.ok || answer.headers.get("Content-Type") !== "application/pdf") return "answer " + answer.status;
	const bytes = new Uint8Array(await answer.arrayBuffer());
	let text = "";
	for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
	return btoa(text);
})()`

// record downloads the batch record to which the page links, in the session of the browser, and gives the file.
func (s *seat) download() string {
	s.t.Helper()
	s.Wait("a[type='application/pdf']")
	pdf, err := base64.StdEncoding.DecodeString(browser.Value[string](s.Tab, fetchRecord))
	if err != nil || !strings.HasPrefix(string(pdf), "%PDF-") {
		s.t.Fatalf("the record is no PDF: %.40q %v", pdf, err)
	}
	folder := s.t.TempDir()
	if keep := os.Getenv("VERIBATCH_PICTURES"); keep != "" {
		folder = keep
	}
	path := filepath.Join(folder, "journey.pdf")
	if err := os.WriteFile(path, pdf, 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

var (
	stepStarts    = regexp.MustCompile(`· step (\d{3}) · status: `)
	chapterStarts = regexp.MustCompile(`^\s*[1-9]\d?\s+(\S.*\S)\s*$`)
	readingCounts = regexp.MustCompile(`no\. \d+, (recorded|repeated measurement|correction)`)
)

var chapterTitles = []string{"Recipe", "Bill of materials", "Persons and stations", "Course of the batch", "Execution", "Holds", "Comments on the batch", "Incidents of the system", "Review of the audit trail", "Signatures", "Audit trail"}

// chapters gives the lines of a record as they stand on paper, by step and by chapter, without header and footer of the pages.
func chapters(t *testing.T, path string) map[string][]string {
	t.Helper()
	out, err := exec.Command("pdftotext", "-layout", "-x", "0", "-y", "60", "-W", "595", "-H", "725", path, "-").CombinedOutput()
	if err != nil {
		t.Fatalf("pdftotext: %v: %s", err, out)
	}
	found, now := map[string][]string{}, "cover"
	for line := range strings.SplitSeq(strings.ReplaceAll(string(out), "\f", "\n"), "\n") {
		if m := chapterStarts.FindStringSubmatch(line); m != nil && contains(chapterTitles, m[1]) {
			now = m[1]
		}
		if m := stepStarts.FindStringSubmatch(line); m != nil {
			now = m[1]
		}
		found[now] = append(found[now], oneLine(line))
	}
	return found
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

func contains(list []string, want string) bool {
	for _, s := range list {
		if s == want {
			return true
		}
	}
	return false
}

// compare asks the printed record for everything that was typed, each at its place, and for no reading or signature more.
func (l *ledger) compare(t *testing.T, path string) {
	t.Helper()
	paper := chapters(t, path)
	readings, next := 0, map[string]int{}
	for _, lines := range paper {
		readings += len(readingCounts.FindAllString(strings.Join(lines, "\n"), -1))
	}
	equal(t, "readings in the record", readings, len(l.entries))
	for _, e := range l.entries {
		lines := paper[e.step]
		at := lineWith(lines, next[e.step], strings.TrimSpace(e.typed+" "+e.unit), e.mark, strings.Fields(e.by.FullName)[0])
		if at < 0 {
			t.Errorf("the record has no line with %+v in step %s:\n%s", e, e.step, strings.Join(lines, "\n"))
			continue
		}
		next[e.step] = at + 1
		if below := lines[at:min(at+5, len(lines))]; !strings.Contains(strings.Join(below, "\n"), ", "+e.how) {
			t.Errorf("step %s: %s does not stand below %s:\n%s", e.step, e.how, e.typed, strings.Join(below, "\n"))
		}
	}
	for _, w := range l.words {
		text := oneLine(strings.Join(paper[w.chapter], " "))
		want := w.text
		if w.label != "" {
			want = w.label + ": " + w.text
		}
		if !strings.Contains(text, want) {
			t.Errorf("the record does not say in %s: %q\n%s", w.chapter, want, text)
		}
	}
	for _, r := range l.refused {
		if lineWith(paper["cover"], 0, "refused", r.meaning+" by "+r.who.FullName) < 0 || lineWith(paper["Audit trail"], 0, r.meaning, r.who.FullName) < 0 {
			t.Errorf("the record does not tell of the refused %s of %s", r.meaning, r.who.FullName)
		}
	}
	l.compareSignatures(t, paper)
}

// compareSignatures: the signatures in their order with meaning and printed name, and every person with the name for the log-in.
func (l *ledger) compareSignatures(t *testing.T, paper map[string][]string) {
	t.Helper()
	lines, at := paper["Signatures"], 0
	equal(t, "signatures in the record", strings.Count(strings.Join(lines, "\n"), "statement SHA-256"), len(l.signed))
	for i, s := range l.signed {
		at = lineWith(lines, at, s.meaning, s.who.FullName)
		if at < 0 {
			t.Errorf("signature %d is not %q of %s:\n%s", i+1, s.meaning, s.who.FullName, strings.Join(lines, "\n"))
			return
		}
		at++
		if lineWith(paper["Persons and stations"], 0, s.who.FullName, s.who.UserName) < 0 {
			t.Errorf("the record does not name %s", s.who.FullName)
		}
	}
}

// lineWith gives the first line from a place on that has all the words; -1 when none has.
func lineWith(lines []string, from int, words ...string) int {
next:
	for i := from; i < len(lines); i++ {
		for _, w := range words {
			if !strings.Contains(" "+lines[i]+" ", w) {
				continue next
			}
		}
		return i
	}
	return -1
}
