package main_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/internal/postgres"
)

// safe is a plant with a second place.
type safe struct {
	t                  *testing.T
	root, state        string
	second, passphrase string
	mu                 sync.Mutex
	acts               []act
}

// act is one committed act as its writer knows it: begun after from, answered before until.
type act struct {
	number      int
	from, until time.Time
}

func newSafe(t *testing.T) *safe {
	root := stateFolder(t)
	s := &safe{t: t, root: root, state: filepath.Join(root, "state"), second: filepath.Join(root, "second"), passphrase: filepath.Join(root, "passphrase")}
	check(t, os.Mkdir(s.second, 0o700))
	check(t, os.WriteFile(s.passphrase, []byte("six random words make it long\n"), 0o600))
	return s
}

func (s *safe) serve() *server {
	s.t.Helper()
	return serve(s.t, s.state, "--backup-to", s.second, "--backup-passphrase-file", s.passphrase)
}

// await waits until something is so.
func (s *safe) await(what string, is func() bool) {
	s.t.Helper()
	for range 1800 {
		if is() {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	s.t.Fatalf("%s: not within three minutes; %+v; backups %v", what, s.standing().Archive, s.backups())
}

// backups lists the whole ones.
func (s *safe) backups() []string {
	found, err := fs.Glob(os.DirFS(s.second), "veribatch/*/base/*[0-9a-f]")
	check(s.t, err)
	for i := range found {
		found[i] = filepath.Join(s.second, found[i])
	}
	return found
}

func (s *safe) archived() bool {
	tails, _ := fs.Glob(os.DirFS(s.second), "veribatch/*/tail.json")
	return len(tails) > 0
}

// write commits acts until ctx ends and notes when each was begun and answered; what fails was not promised to anybody.
func (s *safe) write(ctx context.Context, first, step int) {
	for n := first; ctx.Err() == nil; n += step {
		if s.act(ctx, n) != nil {
			time.Sleep(100 * time.Millisecond)
		}
	}
}

func (s *safe) act(ctx context.Context, n int) error {
	a, err := postgres.Attach(s.state)
	if err != nil {
		return err
	}
	trail, err := audit.Open(ctx, a.DSN(postgres.App))
	if err != nil {
		return err
	}
	defer trail.Close()
	from := time.Now()
	if err := trail.Start(ctx, map[string]string{"number": strconv.Itoa(n)}); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.acts = append(s.acts, act{n, from, time.Now()})
	return nil
}

// restore runs ebr restore into a new folder.
func (s *safe) restore(into string, more ...string) (out, errs string, code int) {
	return ebr(append([]string{"restore", "--from", s.second, "--state", filepath.Join(s.root, into), "--passphrase-file", s.passphrase}, more...)...)
}

const actsThere = `select convert_from(body, 'UTF8')::jsonb -> 'details' ->> 'number' from audit.entries where act = 'server.start' and convert_from(body, 'UTF8')::jsonb -> 'details' ? 'number'`

// there gives the numbers of the acts in a restored copy.
func (s *safe) there(folder string) map[int]bool {
	s.t.Helper()
	ctx := context.Background()
	c, err := postgres.Start(ctx, postgres.Options{State: filepath.Join(s.root, folder)})
	check(s.t, err)
	defer func() { check(s.t, c.Stop(ctx)) }()
	conn, err := pgx.Connect(ctx, c.DSN(postgres.App))
	check(s.t, err)
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, actsThere)
	check(s.t, err)
	numbers, err := pgx.CollectRows(rows, pgx.RowTo[string])
	check(s.t, err)
	found := map[int]bool{}
	for _, text := range numbers {
		n, err := strconv.Atoi(text)
		check(s.t, err)
		found[n] = true
	}
	return found
}

// A plant is lost and comes back with everything; and a backup in which one bit of any part is wrong, or a part is missing, is refused before
// anything is started, with words that name the part.
func TestBackupAndRestore(t *testing.T) {
	t.Parallel()
	s := newSafe(t)
	server := s.serve()
	makeFirst(t, server)
	s.await("the first backup and the archive", func() bool { return len(s.backups()) == 1 && s.archived() })
	check(t, s.act(context.Background(), 1))
	server.interrupt(t, s.state) // in order: the archive comes to the end of the log
	before := verified(t, s.state)

	out, errs, code := s.restore("back")
	if code != 0 || !strings.Contains(out, "The records agree with the trail") {
		t.Fatalf("restore: exit code %d: %s%s", code, out, errs)
	}
	if !s.there("back")[1] {
		t.Error("an act after the backup did not come back")
	}
	again := serve(t, filepath.Join(s.root, "back"))
	again.interrupt(t, filepath.Join(s.root, "back"))
	if after := verified(t, filepath.Join(s.root, "back")); strings.Fields(after)[6] <= strings.Fields(before)[6] && after == before {
		t.Errorf("the first start of the restored plant entered nothing: %s", after)
	}
	if _, errs, code = s.restore("back"); code != 1 || !strings.Contains(errs, "is not empty") {
		t.Errorf("into a folder that is not empty: exit code %d: %s", code, errs)
	}
	s.refuses()
}

func (s *safe) refuses() {
	one := func(pattern string) string {
		found, err := filepath.Glob(filepath.Join(s.second, "veribatch", "*", pattern))
		check(s.t, err)
		if len(found) == 0 {
			s.t.Fatalf("nothing is called %s", pattern)
		}
		return found[len(found)-1]
	}
	table := one("base/*/data/global/pg_filenode.map")
	segment := one("log/0000000100000000000000*[0-9A-F]")
	damages := []struct {
		what, path, says string
		do               func(raw []byte) []byte
	}{
		{"a bit of the database", table, "pg_filenode.map", flip},
		{"a truncated file of the database", table, "bytes instead of", func(raw []byte) []byte { return raw[:len(raw)/2] }},
		{"a missing file of the database", table, "is missing", nil},
		{"a bit of the keys", one("base/*/keys.age"), "keys.age", flip},
		{"a bit of the manifest", one("base/*/manifest.json"), "manifest.json", flip},
		{"a bit of the list of entries", one("base/*/heads.csv"), "heads.csv", flip},
		{"a bit of a segment", segment, filepath.Base(segment)[:24], func(raw []byte) []byte { raw[100] ^= 1; return raw }},
		{"a missing segment", segment, "--until", nil},
	}
	for _, d := range damages {
		raw, err := os.ReadFile(d.path)
		check(s.t, err)
		if check(s.t, os.Remove(d.path)); d.do != nil {
			check(s.t, os.WriteFile(d.path, d.do(append([]byte{}, raw...)), 0o600))
		}
		_, errs, code := s.restore("refused")
		if code != 1 || !strings.Contains(errs, d.says) {
			s.t.Errorf("%s: exit code %d: %s", d.what, code, errs)
		}
		if left, _ := filepath.Glob(filepath.Join(s.root, "refused", "*")); len(left) > 1 { // the lock
			s.t.Errorf("%s: left behind: %v", d.what, left)
		}
		check(s.t, os.WriteFile(d.path, raw, 0o600))
	}
	check(s.t, os.WriteFile(s.passphrase, []byte("another one that is long enough\n"), 0o600))
	if _, errs, code := s.restore("refused"); code != 1 || !strings.Contains(errs, "does not open the keys") {
		s.t.Errorf("a wrong passphrase: exit code %d: %s", code, errs)
	}
}

func flip(raw []byte) []byte { raw[len(raw)/2] ^= 4; return raw }

// Five restores to random moments of a plant under load that was killed twice, once in the middle of a backup; then the first place is lost.
func TestRestoreToRandomMoments(t *testing.T) {
	t.Parallel()
	s := newSafe(t)
	moments := 5
	if os.Getenv("VERIBATCH_LONG") == "" {
		return // the quick slice is TestBackupAndRestore
	}
	server := s.serve()
	s.await("the first backup and the archive", func() bool { return len(s.backups()) == 1 && s.archived() })
	begun := time.Now()
	ctx, stop := context.WithCancel(context.Background())
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() { s.write(ctx, w, 4) })
	}
	time.Sleep(10 * time.Second)
	half := func() bool {
		h, _ := filepath.Glob(filepath.Join(s.second, "veribatch/*/base/*.part/data/base"))
		return len(h) > 0
	}
	go ebr("backup", "--state", s.state, "--to", s.second, "--passphrase-file", s.passphrase)
	s.await("a backup under way", half)
	database := postmaster(t, s.state)
	check(t, server.Process.Kill())
	check(t, syscall.Kill(database, syscall.SIGKILL))
	_ = server.wait(t)
	server = s.serve()
	time.Sleep(10 * time.Second)
	out, errs, code := ebr("backup", "--state", s.state, "--to", s.second, "--passphrase-file", s.passphrase)
	if code != 0 {
		t.Fatalf("backup under load: %s%s", out, errs)
	}
	time.Sleep(10 * time.Second)
	database = postmaster(t, s.state)
	killed := time.Now()
	check(t, server.Process.Kill())
	check(t, syscall.Kill(database, syscall.SIGKILL))
	stop()
	writers.Wait()
	_ = server.wait(t)
	check(t, os.Rename(s.state, s.state+".lost"))
	for i := range moments {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(killed.Sub(begun)-2*time.Second)))
		check(t, err)
		s.backAt(fmt.Sprintf("at%d", i), begun.Add(time.Duration(n.Int64())))
	}
	s.backAt("end", time.Time{})
}

// backAt restores to a moment: each act answered before it is there, none that was begun after it.
func (s *safe) backAt(folder string, moment time.Time) {
	s.t.Helper()
	var args []string
	if !moment.IsZero() {
		args = []string{"--until", moment.UTC().Format(time.RFC3339Nano)}
	}
	began := time.Now()
	out, errs, code := s.restore(folder, args...)
	if code != 0 {
		s.t.Fatalf("restore to %s: exit code %d: %s%s", moment, code, out, errs)
	}
	took, found, lacking, lost := time.Since(began), s.there(folder), 0, time.Duration(0)
	newest := s.acts[len(s.acts)-1].until
	for _, a := range s.acts {
		switch {
		case moment.IsZero() && !found[a.number]:
			lost = max(lost, newest.Sub(a.until))
			lacking++
		case !moment.IsZero() && a.until.Before(moment) && !found[a.number]:
			s.t.Errorf("restored to %s: act %d, answered at %s, is not there", moment, a.number, a.until)
		case !moment.IsZero() && a.from.After(moment) && found[a.number]:
			s.t.Errorf("restored to %s: act %d, begun at %s, is there", moment, a.number, a.from)
		}
	}
	if lost > time.Minute {
		s.t.Errorf("with the first place the acts of %v were lost: more than a minute", lost)
	}
	s.t.Logf("restored to %s in %v: %d of %d acts; lost with the first place: %d acts, the oldest %v before the end", moment, took, len(found), len(s.acts), lacking, lost)
	check(s.t, os.RemoveAll(filepath.Join(s.root, folder)))
}
