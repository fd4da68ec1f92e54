package main_test

import (
	"bufio"
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"veribatch/audit/checkpoint"
	"veribatch/audit/witness"
	"veribatch/signatures/keyring"
)

const witnessed = "veribatch/0190a5b2-7c3d-7e4f-8a1b-2c3d4e5f6071"

// witnesses starts a witness in a process of its own and gives its client; kill ends it as a power cut does.
func witnesses(t *testing.T, folder, key string, more ...string) (c *witness.Client, kill func()) {
	t.Helper()
	cmd := exec.Command(program, append([]string{"witness", "--state", folder, "--listen", "127.0.0.1:0", "--log", key}, more...)...)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	kill = sync.OnceFunc(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	t.Cleanup(kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	named, found := strings.CutPrefix(line, "The witness is ready: ")
	require.True(t, found, line)
	c, err = witness.NewClient(named, nil)
	require.NoError(t, err)
	return c, kill
}

// grownLog is a log of so many leaves, with what a client needs of it.
type grownLog struct {
	t      *testing.T
	key    keyring.Raw
	hashes []tlog.Hash
	size   int64
	seed   string
}

// ReadHashes gives stored hashes.
func (l *grownLog) ReadHashes(indexes []int64) (found []tlog.Hash, err error) {
	for _, i := range indexes {
		found = append(found, l.hashes[i])
	}
	return found, nil
}

func (l *grownLog) add() {
	hashes, err := tlog.StoredHashes(l.size, []byte(l.seed+time.Duration(l.size).String()), l)
	require.NoError(l.t, err)
	l.hashes, l.size = append(l.hashes, hashes...), l.size+1
}

func (l *grownLog) signed(epoch string) []byte {
	root, err := tlog.TreeHash(l.size, l)
	require.NoError(l.t, err)
	text := checkpoint.Checkpoint{Origin: witnessed + "/" + epoch, Size: l.size, Root: root}.Text()
	signed, err := note.Sign(&note.Note{Text: text}, checkpoint.Cosigner(witnessed, l.key, time.Now()))
	require.NoError(l.t, err)
	return signed
}

// A witness in a process of its own that is killed in mid-work, again and again, never cosigns less than it did, nor another log; a continued log
// it follows when the one who keeps it says so.
func TestWitnessInAProcessOfItsOwn(t *testing.T) {
	t.Parallel()
	kills := 2
	if os.Getenv("VERIBATCH_LONG") != "" {
		kills = 100
	}
	root := stateFolder(t)
	folder := filepath.Join(root, "witness")
	key, err := keyring.OpenCheckpoint(filepath.Join(root, "log"))
	require.NoError(t, err)
	line := checkpoint.VerifierKey(witnessed, key.Public())
	l, fork := &grownLog{t: t, key: key, seed: "a"}, &grownLog{t: t, key: key, seed: "b"}
	ask := func(c *witness.Client, l *grownLog, epoch string, old int64) error {
		_, err := c.Ask(t.Context(), l.signed(epoch), old, func(_ context.Context, old int64) ([]tlog.Hash, error) { return tlog.ProveTree(l.size, old, l) })
		return err
	}
	told := int64(0)
	for i := range kills {
		c, kill := witnesses(t, folder, line)
		cut := time.AfterFunc(time.Duration(20+7*i%60)*time.Millisecond, kill)
		for {
			l.add()
			fork.add()
			if err := ask(c, l, "1", told); err != nil {
				require.NotErrorIs(t, err, witness.ErrFork)
				break
			}
			told = l.size
		}
		cut.Stop()
		kill()
	}
	require.Positive(t, told)
	c, kill := witnesses(t, folder, line)
	for fork.size < l.size {
		fork.add()
	}
	require.ErrorIs(t, ask(c, fork, "1", told), witness.ErrFork)
	require.NoError(t, ask(c, l, "1", 0))
	require.ErrorContains(t, ask(c, fork, "2", 0), "--accept-epoch")
	kill()
	c, kill = witnesses(t, folder, line, "--accept-epoch", witnessed+"/2", "--tls-own")
	require.True(t, strings.HasPrefix(c.URL, "https://"))
	kill()
	c, _ = witnesses(t, folder, line)
	require.NoError(t, ask(c, fork, "2", 0))
	require.Error(t, ask(c, l, "1", 0))
}

// A plant asks its witnesses: one that answers is enough where one is wanted, and the other, which is down, stops nothing.
func TestPlantUnderWitnesses(t *testing.T) {
	t.Parallel()
	if os.Getenv("VERIBATCH_LONG") == "" {
		return // the server is started twice; keeper and witness are tested beside each other in audit/checkpoint/keeper
	}
	root := stateFolder(t)
	state := filepath.Join(root, "state")
	s := serve(t, state, "--metrics", "127.0.0.1:0")
	until(t, "the log is signed", func() bool { return s.figure(t, "ebr_checkpoint_leaves") > 0 })
	s.interrupt(t, state)
	signed, err := checkpoint.Remembered(filepath.Join(state, "signer"))
	require.NoError(t, err)
	origin, _, _ := strings.Cut(string(signed), "\n")
	name, _, err := checkpoint.SplitOrigin(origin)
	require.NoError(t, err)
	key, err := keyring.OpenCheckpoint(filepath.Join(state, "signer"))
	require.NoError(t, err)
	folder := filepath.Join(root, "witness")
	c, kill := witnesses(t, folder, checkpoint.VerifierKey(name, key.Public()), "--tls-own")
	down, dead := witnesses(t, filepath.Join(root, "down"), checkpoint.VerifierKey(name, key.Public()))
	dead()
	t.Cleanup(kill)
	s = serve(t, state, "--metrics", "127.0.0.1:0", "--witness", c.Key+" "+c.URL, "--witness", down.Key+" "+down.URL, "--witness-quorum", "1", "--witness-authority", filepath.Join(folder, "tls", "authority.pem"))
	until(t, "one has seen the log, and remembers it", func() bool {
		raw, err := os.ReadFile(filepath.Join(folder, "memory.json"))
		return err == nil && strings.Contains(string(raw), origin)
	})
	until(t, "the server knows", func() bool {
		_, figures := get(t, http.DefaultClient, s.metrics+"/metrics")
		return strings.Contains(figures, "\nebr_witness_age_seconds 0\n")
	})
	require.Zero(t, s.figure(t, "ebr_witness_refused"))
	out, errs, code := ebr("trust", "--state", state, "--to", filepath.Join(root, "keys.txt"))
	require.Zero(t, code, errs)
	require.Contains(t, out, "1 key of the log, 1 key of signatures, 2 witnesses, of which 1 must have signed. ")
	s.interrupt(t, state)
	verifies(t, state)
}

// Whoever starts a witness wrongly is told what to do.
func TestWitnessThatCannotStart(t *testing.T) {
	t.Parallel()
	root := stateFolder(t)
	key, err := keyring.OpenCheckpoint(filepath.Join(root, "log"))
	require.NoError(t, err)
	line := checkpoint.VerifierKey(witnessed, key.Public())
	for _, c := range []struct {
		says string
		args []string
	}{
		{"no key of a log", []string{"--log", "a+b+c"}},
		{"no origin of a log", []string{"--log", line, "--accept-epoch", "2"}},
		{"knows no log", []string{"--log", line, "--accept-epoch", strings.Replace(witnessed, "0190", "0191", 1) + "/2"}},
		{"cannot have the name", []string{"--log", line, "--name", "QA 7"}},
		{"plain HTTP to the network", []string{"--log", line, "--listen", "0.0.0.0:0"}},
	} {
		out, errs, code := ebr(append([]string{"witness", "--state", filepath.Join(root, "witness")}, c.args...)...)
		if code != 1 || !strings.Contains(errs, c.says) {
			t.Errorf("%v: exit code %d: %s%s", c.args, code, out, errs)
		}
	}
}
