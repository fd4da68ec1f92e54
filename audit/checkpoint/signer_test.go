package checkpoint

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"

	"veribatch/internal/fault"

	"veribatch/internal/durable"
)

const second = time.Second

func TestSignerSignsWhatGrows(t *testing.T) {
	w, l := newWorld(t), grown(t, 300)
	old := int64(0)
	for i, size := range []int64{0, 1, 2, 3, 64, 65, 128, 255, 256, 257, 300, 300} {
		w.signs(l.request(old, size, time.Duration(i)*second))
		if old = size; i%3 == 0 {
			w.restart()
		}
	}
	info, err := os.Stat(filepath.Join(w.disk.folder, memoryFile))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	files, err := os.ReadDir(w.disk.folder)
	require.NoError(t, err)
	require.Len(t, files, 2, "memory and lock, and nothing left over")
}

func TestSignerRefuses(t *testing.T) {
	l := grown(t, 20)
	fork := grown(t, 9)
	fork.add("another leaf")
	for i := 10; i < 20; i++ {
		fork.add("leaf")
	}
	foreign := grown(t, 20)
	foreign.origin = testName[:len(testName)-1] + "2/1"
	epoch := grown(t, 20)
	epoch.origin = testName + "/2"
	proofOf := func(r Request, change func(p []tlog.Hash) []tlog.Hash) Request {
		r.Proof = change(append([]tlog.Hash(nil), r.Proof...))
		return r
	}
	for name, c := range map[string]struct {
		request Request
		code    string
	}{
		"a smaller tree":                   {l.request(9, 9, second), Smaller},
		"an empty tree":                    {l.request(0, 0, second), Smaller},
		"a smaller tree that says it grew": {Request{Old: 10, Text: l.at(4).Text(), Time: testTime.Add(second)}, Smaller},
		"the same size, another root":      {fork.request(10, 10, second), Forked},
		"another tree that has grown":      {fork.request(10, 20, second), Proof},
		"a proof from another size":        {proofOf(l.request(10, 20, second), func([]tlog.Hash) []tlog.Hash { return l.request(9, 20, 0).Proof }), Proof},
		"no proof":                         {proofOf(l.request(10, 20, second), func([]tlog.Hash) []tlog.Hash { return nil }), Proof},
		"a proof cut short":                {proofOf(l.request(10, 20, second), func(p []tlog.Hash) []tlog.Hash { return p[:len(p)-1] }), Proof},
		"a proof with more":                {proofOf(l.request(10, 20, second), func(p []tlog.Hash) []tlog.Hash { return append(p, p[0]) }), Proof},
		"a proof reordered":                {proofOf(l.request(10, 20, second), func(p []tlog.Hash) []tlog.Hash { p[0], p[1] = p[1], p[0]; return p }), Proof},
		"a proof with one bit changed":     {proofOf(l.request(10, 20, second), func(p []tlog.Hash) []tlog.Hash { p[1][7] ^= 4; return p }), Proof},
		"a proof where none belongs":       {proofOf(l.request(10, 10, second), func([]tlog.Hash) []tlog.Hash { return []tlog.Hash{{}} }), Proof},
		"a proof of 64 hashes":             {proofOf(l.request(10, 20, second), func([]tlog.Hash) []tlog.Hash { return make([]tlog.Hash, 64) }), Form},
		"another log":                      {foreign.request(10, 20, second), Origin},
		"the next epoch, unasked":          {epoch.request(0, 20, second), Origin},
		"the time of the last one":         {l.request(10, 20, 0), Time},
		"an earlier time":                  {l.request(10, 20, -second), Time},
		"an older checkpoint is known":     {l.request(9, 20, second), Behind},
		"no checkpoint is known":           {l.request(0, 20, second), Behind},
		"a newer checkpoint is known":      {l.request(11, 20, second), Lost},
		"a negative size":                  {Request{Old: -1, Text: l.at(20).Text(), Time: testTime.Add(second)}, Form},
		"no text":                          {Request{Old: 10, Time: testTime.Add(second)}, Form},
		"an extension line":                {Request{Old: 10, Text: l.at(10).Text() + "more\n", Time: testTime.Add(second)}, Form},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.signs(l.request(0, 10, 0))
			w.restart()
			refusal := w.refuses(c.request, c.code)
			require.NotEmpty(t, refusal.Fault().Message)
			if c.code != Form {
				require.Equal(t, l.at(10).Text(), refusal.Last.Text(), "says what it remembers")
				require.NotEmpty(t, refusal.Note)
			}
			w.signs(l.request(10, 20, 2*second))
		})
	}
}

func TestSignerAsksItsOwnClock(t *testing.T) {
	w, l := newWorld(t), grown(t, 5)
	for _, away := range []time.Duration{Skew + time.Microsecond, time.Hour, 365 * 24 * time.Hour} {
		for _, r := range []Request{l.request(0, 5, away), l.request(0, 5, -away)} {
			w.now = testTime
			_, err := w.signer.Sign(t.Context(), r)
			var refusal *Refusal
			require.ErrorAs(t, err, &refusal)
			require.Equal(t, Clock, refusal.Code)
		}
	}
	w.signs(l.request(0, 5, Skew))
}

func TestFirstCheckpointNeedsALogThatHasNone(t *testing.T) {
	w, l := newWorld(t), grown(t, 5)
	w.refuses(l.request(3, 5, 0), Lost)
	r := l.request(0, 5, 0)
	r.Proof = []tlog.Hash{{}}
	w.refuses(r, Proof)
}

func TestMemoryThatIsLostOrDamagedIsNeverBegunAnew(t *testing.T) {
	l := grown(t, 20)
	other := newWorld(t)
	other.key = newKey(9)
	other.restart()
	other.signs(l.request(0, 10, 0))
	foreign, err := os.ReadFile(filepath.Join(other.disk.folder, memoryFile))
	require.NoError(t, err)
	for name, c := range map[string]struct {
		harm func(path string, content []byte) error
		code string
	}{
		"gone":          {func(path string, _ []byte) error { return os.Remove(path) }, Lost},
		"empty":         {func(path string, _ []byte) error { return os.WriteFile(path, nil, 0o600) }, Damaged},
		"cut":           {func(path string, c []byte) error { return os.WriteFile(path, c[:len(c)/2], 0o600) }, Damaged},
		"more after it": {func(path string, c []byte) error { return os.WriteFile(path, append(c, '{'), 0o600) }, Damaged},
		"another size": {func(path string, c []byte) error {
			return os.WriteFile(path, []byte(strings.Replace(string(c), `\n10\n`, `\n9\n`, 1)), 0o600)
		}, Damaged},
		"another time": {func(path string, c []byte) error {
			return os.WriteFile(path, []byte(strings.Replace(string(c), "09:00:00", "08:59:00", 1)), 0o600)
		}, Damaged},
		"another field": {func(path string, c []byte) error {
			return os.WriteFile(path, []byte(strings.Replace(string(c), `"last"`, `"first"`, 1)), 0o600)
		}, Damaged},
		"another key":    {func(path string, _ []byte) error { return os.WriteFile(path, foreign, 0o600) }, Damaged},
		"open to others": {func(path string, _ []byte) error { return os.Chmod(path, 0o644) }, Damaged},
		"a link": {func(path string, c []byte) error {
			return errors.Join(os.Rename(path, path+".x"), os.Symlink(path+".x", path))
		}, Damaged},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.signs(l.request(0, 10, 0))
			path := filepath.Join(w.disk.folder, memoryFile)
			good, err := os.ReadFile(path)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(w.disk.folder, "checkpoint.key"), nil, 0o600)) // the folder of a signer with its key in a file
			require.NoError(t, c.harm(path, good))
			for range 2 {
				w.restart()
				w.refuses(l.request(10, 20, second), c.code)
				w.refuses(l.request(0, 20, second), c.code)
			}
			require.NoError(t, errors.Join(os.RemoveAll(path), os.WriteFile(path, good, 0o600)))
			w.signs(l.request(10, 20, second))
		})
	}
}

// An older memory that was put back knows less than the log: the signer may have signed anything since.
func TestMemoryThatWasPutBackIsFound(t *testing.T) {
	w, l := newWorld(t), grown(t, 20)
	w.signs(l.request(0, 10, 0))
	path := filepath.Join(w.disk.folder, memoryFile)
	older, err := os.ReadFile(path)
	require.NoError(t, err)
	w.signs(l.request(10, 15, second))
	require.NoError(t, os.WriteFile(path, older, 0o600))
	w.restart()
	w.refuses(l.request(15, 20, 2*second), Lost)
}

func TestKeyThatDoesNotSignChangesNoMemory(t *testing.T) {
	w, l := newWorld(t), grown(t, 20)
	w.signs(l.request(0, 10, 0))
	w.key.err = errors.New("sealed")
	_, err := w.sign(l.request(10, 15, second))
	require.ErrorContains(t, err, "sealed")
	w.key.err = nil
	right := w.key.private
	w.key.private = append(append([]byte(nil), right[:31]...), right[31:]...)
	w.key.private[0] ^= 1 // signs with another secret than the public half says
	_, err = w.sign(l.request(10, 15, second))
	require.ErrorContains(t, err, "signed something else")
	w.key.private = right
	w.signs(l.request(10, 15, second))
}

func TestOneSignerAtAFolder(t *testing.T) {
	w := newWorld(t)
	_, err := Open(w.disk.folder, func(string) (Key, error) { return w.key, nil }, time.Now)
	require.Equal(t, fault.Busy, fault.KindOf(err), "%v", err)
	require.NoError(t, w.signer.Close())
	w.start()
}

func TestFolderIsForItsOwnerOnly(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.signer.Close())
	require.NoError(t, os.Chmod(w.disk.folder, 0o750))
	_, err := Open(w.disk.folder, func(string) (Key, error) { return w.key, nil }, time.Now)
	require.Equal(t, fault.Refused, fault.KindOf(err), "%v", err)
	require.NoError(t, os.Chmod(w.disk.folder, 0o700))
	w.start()
}

// errDisk is what a step says that failed.
var errDisk = errors.New("the disk failed")

// Each step of writing the memory fails, before it was done or after; the process goes on or dies. Whatever happens, nothing leaves the signer that it does not
// remember, and the log can go on from what it remembers.
func TestEachStepOfTheMemoryFails(t *testing.T) {
	l := grown(t, 30)
	fork := grown(t, 15)
	fork.add("another leaf")
	for _, step := range []string{"create", "write", "sync", "rename", "sync the folder"} {
		for _, done := range []bool{false, true} {
			for _, dies := range []bool{false, true} {
				t.Run(strings.Join([]string{step, map[bool]string{true: "done", false: "not done"}[done], map[bool]string{true: "dies", false: "lives"}[dies]}, ", "), func(t *testing.T) {
					w := newWorld(t)
					w.signs(l.request(0, 10, 0))
					w.signer.disk.step = failing(step, done)
					signed, err := w.sign(l.request(10, 16, second))
					require.ErrorIs(t, err, errDisk)
					require.Empty(t, signed, "nothing leaves that is not remembered for sure")
					if w.signer.disk.step = durable.Do; dies {
						w.restart()
					}
					w.goesOn(l, fork)
				})
			}
		}
	}
}

func failing(step string, done bool) func(string, func() error) error {
	return func(name string, do func() error) error {
		if name != step {
			return do()
		}
		if done {
			return errors.Join(errDisk, do())
		}
		return errDisk
	}
}

// goesOn asks again after a failure, as the log does: it learns what was remembered and never gets two trees of one size.
func (w *world) goesOn(l, fork *testLog) {
	w.t.Helper()
	last, err := w.signer.Last()
	require.NoError(w.t, err)
	c, err := Parse(last, w.key.verifiers(w.t))
	require.NoError(w.t, err)
	require.Contains(w.t, []string{l.at(10).Text(), l.at(16).Text()}, c.Text())
	if c.Size == 16 {
		w.refuses(fork.request(16, 16, 2*second), Forked)
		refusal := w.refuses(l.request(10, 16, 2*second), Behind)
		require.Equal(w.t, string(last), string(refusal.Note), "the log learns of what it was never told")
	}
	w.signs(l.request(c.Size, 20, 3*second))
	w.restart()
	w.signs(l.request(20, 30, 4*second))
}

// A folder whose first write failed has nothing to remember, and begins again.
func TestEachStepOfTheBeginningFails(t *testing.T) {
	for _, step := range []string{"create", "write", "sync", "rename", "sync the folder"} {
		for _, done := range []bool{false, true} {
			w, l := newWorld(t), grown(t, 5)
			require.NoError(t, errors.Join(w.signer.Close(), os.RemoveAll(w.disk.folder)))
			broken := w.disk
			broken.step = failing(step, done)
			_, err := open(broken, func(string) (Key, error) { return w.key, nil }, time.Now)
			require.ErrorIs(t, err, errDisk, step)
			w.start()
			w.signs(l.request(0, 5, 0))
		}
	}
}

// TestMain runs a signer in a process of its own when asked to, for the test that kills it.
func TestMain(m *testing.M) {
	if folder := os.Getenv("VERIBATCH_SIGN_UNTIL_KILLED"); folder != "" {
		signUntilKilled(folder)
	}
	os.Exit(m.Run())
}

// A signer that is killed at any moment has told nothing that it does not remember.
func TestSignerIsKilled(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "signer")
	key := newKey(1)
	for i := range 5 {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), "VERIBATCH_SIGN_UNTIL_KILLED="+folder)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		told := lastLine(out, 20+7*i)
		require.NoError(t, cmd.Process.Kill())
		rest := lastLine(out, 0)
		_ = cmd.Wait()
		s, err := Open(folder, func(string) (Key, error) { return key, nil }, time.Now)
		require.NoError(t, err)
		last, err := s.Last()
		require.NoError(t, err)
		c, err := Parse(last, key.verifiers(t))
		require.NoError(t, err)
		require.GreaterOrEqual(t, c.Size, max(told, rest))
		require.NoError(t, s.Close())
	}
}
