package main_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Somebody who can write in the second place, knows how it is made and has not the site key: what they replaced is refused although every
// SHA-256 is right, and what they took away the server misses, tells and makes good with a new backup.
func TestSecondPlaceForged(t *testing.T) {
	t.Parallel()
	if os.Getenv("VERIBATCH_LONG") == "" {
		return // seven restores take long; internal/backup has the quick slice
	}
	s := newSafe(t)
	server := s.serve()
	s.await("the first backup and the archive", func() bool { return len(s.backups()) == 1 && s.caughtUp() })
	for n := range 3 {
		s.note(n)
		s.super(switchLog)
		s.await("the archive has it", s.caughtUp)
	}
	s.await("the last segment is signed", func() bool { return len(s.under("digests/*.json")) >= 3 && s.caughtUp() })
	first := s.backups()[0]
	line := lineOf(first)
	keep := filepath.Join(s.root, "keep")
	server.interrupt(t, s.state)
	check(t, exec.Command("cp", "-a", line, keep).Run())
	again := func() { check(t, os.RemoveAll(line)); check(t, exec.Command("cp", "-a", keep, line).Run()) }

	for _, c := range []struct {
		what, says string
		do         func()
	}{
		{"a segment and its digest", "did not sign", func() { s.replaceSegment(line) }},
		{"all digests and the tail taken away", "carries no signature", func() {
			for _, path := range append(s.under("digests/*.json"), filepath.Join(line, "tail.json")) {
				check(t, os.Remove(path))
			}
			s.longer(line)
		}},
		{"the tail", "tail.json", func() {
			rewrite(t, filepath.Join(line, "tail.json"), func(v map[string]any) { v["at"] = "2099-01-01T00:00:00Z" })
		}},
		{"the signature of the manifest", "manifest.sig", func() { check(t, os.Remove(filepath.Join(first, "manifest.sig"))) }},
		{"a manifest that asks for no signature", "somebody wrote it anew", func() {
			s.rewriteManifest(first, func(v map[string]any) { delete(v, "signer") })
		}},
		{"a manifest with another key", "somebody wrote it anew", func() {
			s.rewriteManifest(first, func(v map[string]any) { v["signer"] = strings.Repeat("ab", 32) })
		}},
	} {
		c.do()
		_, errs, code := s.restore("refused")
		if code != 1 || !strings.Contains(errs, c.says) {
			t.Errorf("%s: exit code %d: %s", c.what, code, errs)
		}
		t.Log(strings.TrimSpace(errs))
		again()
	}
	s.holds("back", []int{0, 1, 2}, nil)
	s.holds("signed", []int{0, 1}, nil, "--signed-only")
	s.loses(line)
}

// loses takes the end of the archive away: the server notices at its next start, tells, and begins anew with a backup.
func (s *safe) loses(line string) {
	s.t.Helper()
	digests := s.under("digests/*.json")
	last := filepath.Base(slices.Max(digests))[:24]
	for _, path := range append(s.under("log/"+last+"*"), slices.Max(digests), filepath.Join(line, "tail.json")) {
		check(s.t, os.Remove(path))
	}
	server := s.serve()
	s.await("the loss is an incident", func() bool { return s.incident("has lost the segment " + last) })
	s.await("a new line has its backup", func() bool { return len(s.backups()) == 2 && s.caughtUp() })
	s.note(7)
	s.await("it has the act", s.caughtUp)
	taken := slices.Max(s.backups())
	check(s.t, os.RemoveAll(taken))
	s.await("a backup is missed", func() bool { return s.incident("has lost the backup " + filepath.Base(taken)) })
	s.await("a third line has its backup and its log", func() bool {
		newest := lineOf(slices.Max(s.backups()))
		return newest != lineOf(taken) && s.standing().Archive.Line == filepath.Base(newest) && s.caughtUp()
	})
	server.interrupt(s.t, s.state)
	s.holds("third", []int{7}, nil)
}

// lineOf gives the folder of the line that a backup belongs to.
func lineOf(base string) string { return filepath.Dir(filepath.Dir(base)) }

// under gives the files of all lines of the second place.
func (s *safe) under(pattern string) []string {
	found, err := filepath.Glob(filepath.Join(s.second, "veribatch", "*", pattern))
	check(s.t, err)
	return found
}

func rewrite(t *testing.T, path string, change func(map[string]any)) {
	t.Helper()
	raw, err := os.ReadFile(path)
	check(t, err)
	var v map[string]any
	check(t, json.Unmarshal(raw, &v))
	change(v)
	raw, err = json.MarshalIndent(v, "", " ")
	check(t, err)
	check(t, os.WriteFile(path, raw, 0o600))
}

// rewriteManifest also notes the new SHA-256, as a forger would.
func (s *safe) rewriteManifest(dir string, change func(map[string]any)) {
	s.t.Helper()
	path := filepath.Join(dir, "manifest.json")
	rewrite(s.t, path, change)
	check(s.t, os.WriteFile(filepath.Join(dir, "manifest.sha256"), []byte(sha256Of(s.t, path)+"\n"), 0o600))
}

// replaceSegment changes a segment and notes its new SHA-256.
func (s *safe) replaceSegment(line string) {
	s.t.Helper()
	path := slices.Max(s.under("digests/*.json"))
	segment := filepath.Join(line, "log", filepath.Base(path)[:24])
	raw, err := os.ReadFile(segment)
	check(s.t, err)
	check(s.t, os.WriteFile(segment, flip(raw), 0o600))
	rewrite(s.t, path, func(v map[string]any) { v["sha256"] = sha256Of(s.t, segment) })
}

// longer lays more segments behind the end than a plant leaves unsigned.
func (s *safe) longer(line string) {
	s.t.Helper()
	for _, n := range []string{"A", "B", "C", "D", "E", "F"} {
		check(s.t, os.WriteFile(filepath.Join(line, "log", "00000001000000000000000"+n), make([]byte, 16<<20), 0o600))
	}
}

func sha256Of(t *testing.T, path string) string {
	t.Helper()
	out, err := exec.Command("sha256sum", path).Output()
	check(t, err)
	return strings.Fields(string(out))[0]
}
