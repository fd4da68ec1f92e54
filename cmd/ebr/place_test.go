package main_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/ebr/continuity"
	"veribatch/internal/postgres"
)

// super runs statements of one who rules over the database: the plant is put into a state that takes hours or gigabytes otherwise.
func (s *safe) super(statements ...string) {
	s.t.Helper()
	a, err := postgres.Attach(s.state)
	check(s.t, err)
	conn, err := pgx.Connect(s.t.Context(), a.DSN(postgres.Superuser))
	check(s.t, err)
	defer conn.Close(context.Background())
	for _, sql := range statements {
		_, err := conn.Exec(s.t.Context(), sql)
		check(s.t, err)
	}
}

const (
	switchLog = `select pg_catalog.pg_switch_wal()`
	sixLater  = `update ebr.archive set since = since - interval '6 minutes'`
	smallLog  = `alter system set max_slot_wal_keep_size = '16MB'`
	usualLog  = `alter system reset max_slot_wal_keep_size`
	reload    = `select pg_catalog.pg_reload_conf()`
)

// standing is how the running plant says that it is kept.
func (s *safe) standing() (now continuity.State) {
	s.t.Helper()
	a, err := postgres.Attach(s.state)
	check(s.t, err)
	trail, err := audit.Open(s.t.Context(), a.DSN(postgres.App))
	check(s.t, err)
	defer trail.Close()
	check(s.t, trail.Read(s.t.Context(), func(r *audit.Reader) error { now, err = continuity.Look(s.t.Context(), r, 100); return err }))
	return now
}

func (s *safe) alarm(words string) bool {
	for _, a := range s.standing().Alarms {
		if strings.Contains(a.Words.String(), words) {
			return true
		}
	}
	return false
}

// failed gives what the trail says of a failed run.
func (s *safe) failed(kind continuity.Kind, words string) bool {
	for _, r := range s.standing().Runs {
		if r.Kind == kind && r.State == "failed" && strings.Contains(r.Result, words) {
			return true
		}
	}
	return false
}

// incident tells whether an incident about backups says so.
func (s *safe) incident(words string) (found bool) {
	s.t.Helper()
	a, err := postgres.Attach(s.state)
	check(s.t, err)
	conn, err := pgx.Connect(s.t.Context(), a.DSN(postgres.App))
	check(s.t, err)
	defer conn.Close(context.Background())
	check(s.t, conn.QueryRow(s.t.Context(), `select exists (select from ebr.incidents where kind = 'backup' and strpos(summary, $1) > 0)`, words).Scan(&found))
	return found
}

// caughtUp tells whether everything stands in the second place.
func (s *safe) caughtUp() bool {
	a := s.standing().Archive
	return a.Problem == "" && a.Behind == 0 && a.CompleteAt != nil && time.Since(*a.CompleteAt) < 15*time.Second
}

func (s *safe) note(n int) { s.t.Helper(); check(s.t, s.act(s.t.Context(), n)) }

// holds restores and looks for acts.
func (s *safe) holds(folder string, wanted []int, lost []int, more ...string) (out string) {
	s.t.Helper()
	out, errs, code := s.restore(folder, more...)
	if code != 0 {
		s.t.Fatalf("restore %v: exit code %d: %s%s", more, code, out, errs)
	}
	found := s.there(folder)
	for _, n := range wanted {
		if !found[n] {
			s.t.Errorf("restore %v: act %d is not there: %s", more, n, out)
		}
	}
	for _, n := range lost {
		if found[n] {
			s.t.Errorf("restore %v: act %d is there: %s", more, n, out)
		}
	}
	check(s.t, os.RemoveAll(filepath.Join(s.root, folder)))
	return out
}

// away takes the second place away while the server runs, as a lost mount does: an empty folder stands where it was.
func (s *safe) away() (back func()) {
	s.t.Helper()
	check(s.t, os.Rename(s.second, s.second+".unmounted"))
	check(s.t, os.Mkdir(s.second, 0o700))
	s.await("the archive is missed", func() bool { return strings.Contains(s.standing().Archive.Problem, "is away") })
	return func() {
		s.t.Helper()
		check(s.t, os.Remove(s.second)) // it is empty: nothing was written there
		check(s.t, os.Rename(s.second+".unmounted", s.second))
	}
}

// The second place goes away and comes back: the alarm stands meanwhile, the archive catches up, and nothing is lost. A damaged or missing
// segment is refused with the --until that works. When it stays away for too long, a new line begins, and the old one can be restored to its end.
func TestSecondPlaceAwayAndBack(t *testing.T) {
	t.Parallel()
	if os.Getenv("VERIBATCH_LONG") == "" {
		return // its restores take long; TestBackupAndRestore has one
	}
	s := newSafe(t)
	server := s.serve()
	s.await("the first backup and the archive", func() bool { return len(s.backups()) == 1 && s.caughtUp() })
	s.note(0)
	s.super(switchLog)

	back := s.away()
	s.super(sixLater)
	if !s.alarm("has stood still for 6 min") {
		t.Errorf("no alarm: %+v", s.standing())
	}
	s.note(1)
	s.super(switchLog)
	s.note(2)
	back()
	s.await("the archive catches up", s.caughtUp)
	if s.alarm("stood still") {
		t.Error("the alarm stands still")
	}
	old := filepath.Base(s.backups()[0])

	s.gap(old)
	server.interrupt(t, s.state)
	s.holds("end", []int{0, 1, 2}, nil)
	s.untilThatWorks(old)
}

// gap loses log: PostgreSQL keeps it for a slot that is away up to a limit only.
func (s *safe) gap(old string) {
	s.t.Helper()
	back := s.away()
	s.super(smallLog, reload)
	for n := 3; n < 9; n++ {
		s.note(n)
		s.super(switchLog, `checkpoint`)
	}
	back()
	s.await("a new line has its backup", func() bool { return len(s.backups()) == 2 && s.caughtUp() })
	if !s.incident("has a gap") {
		s.t.Errorf("the gap opened no incident; alarms: %+v", s.standing().Alarms)
	}
	s.super(usualLog, reload)
	s.note(9)
	s.await("the archive goes on", s.caughtUp)
	s.holds("old", []int{0, 1, 2}, []int{8, 9}, "--backup", old)
	s.holds("new", []int{0, 1, 2, 3, 8}, nil)
}

var untilNamed = regexp.MustCompile(`use --until (\S+)`)

// untilThatWorks damages the archive behind a backup; the words of the refusal are followed.
func (s *safe) untilThatWorks(name string) {
	s.t.Helper()
	line := filepath.Dir(filepath.Dir(mustGlob(s.t, filepath.Join(s.second, "veribatch", "*", "base", name))[0]))
	raw, err := os.ReadFile(filepath.Join(line, "base", name, "manifest.json"))
	check(s.t, err)
	var m struct {
		Last string `json:"last_segment"`
	}
	check(s.t, json.Unmarshal(raw, &m))
	segments := mustGlob(s.t, filepath.Join(line, "log", strings.Repeat("?", 24)))
	segments = slices.DeleteFunc(segments, func(path string) bool { return filepath.Base(path) < m.Last })
	s.follow(name, segments[len(segments)-1], func(path string, raw []byte) error { return os.WriteFile(path, raw[:len(raw)/2], 0o600) })
	s.follow(name, segments[0], func(path string, _ []byte) error { return os.Remove(path) })
}

func (s *safe) follow(name, path string, damage func(path string, raw []byte) error) {
	s.t.Helper()
	raw, err := os.ReadFile(path)
	check(s.t, err)
	check(s.t, damage(path, raw))
	_, errs, code := s.restore("refused", "--backup", name)
	until := untilNamed.FindStringSubmatch(errs)
	if code != 1 || until == nil || !strings.Contains(errs, filepath.Base(path)) {
		s.t.Fatalf("%s: exit code %d: %s", path, code, errs)
	}
	s.t.Log(strings.TrimSpace(errs))
	s.t.Log(s.holds("until", nil, []int{2}, "--backup", name, "--until", until[1]))
	check(s.t, os.WriteFile(path, raw, 0o600))
}

func mustGlob(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	check(t, err)
	if len(found) == 0 {
		t.Fatalf("nothing is called %s", pattern)
	}
	return found
}
