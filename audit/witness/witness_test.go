package witness

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"veribatch/audit/checkpoint"
	"veribatch/internal/durable"
)

// The answers of C2SP tlog-witness, one by one; each refusal leaves the memory as it is.
func TestWitnessAnswersAsTheProtocolSays(t *testing.T) {
	t.Parallel()
	w := setup(t)
	l := w.log(40)
	w.refuses(l.question(5, 8).Text(), conflict, 0) // nothing cosigned yet
	w.cosigns(l.question(0, 8))
	w.cosigns(l.question(8, 8)) // again, at its new time
	w.refuses(l.question(0, 20).Text(), conflict, 8)
	w.refuses(l.question(5, 20).Text(), conflict, 8)
	w.refuses(l.question(9, 20).Text(), conflict, 8)
	w.refuses(l.question(20, 9).Text(), badForm, 0) // older than old
	w.refuses(l.question(0, 5).Text(), conflict, 8) // smaller
	forged := l.question(8, 20)
	forged.Proof[0][0] ^= 1
	w.refuses(forged.Text(), noProof, 0)
	short := l.question(8, 20)
	short.Proof = short.Proof[1:]
	w.refuses(short.Text(), noProof, 0)
	needless := l.question(8, 8)
	needless.Proof = []tlog.Hash{{}}
	w.refuses(needless.Text(), noProof, 0)

	fork := newLog(t, w.key, 1, 40, "another")
	w.refuses(fork.question(8, 8).Text(), conflict, 8)
	w.refuses(fork.question(8, 20).Text(), noProof, 0)

	stranger, err := openKey(filepath.Join(t.TempDir(), "stranger"))
	require.NoError(t, err)
	w.refuses(newLog(t, stranger, 1, 20, "leaf").question(8, 20).Text(), noKey, 0)
	elsewhere := w.log(20)
	elsewhere.origin = strings.Replace(elsewhere.origin, "0190", "0191", 1)
	w.refuses(elsewhere.question(8, 20).Text(), noLog, 0)
	elsewhere.origin = "example.com/log"
	w.refuses(elsewhere.question(8, 20).Text(), noLog, 0)
	w.cosigns(l.question(8, 40))
	w.restart()
	w.refuses(l.question(8, 20).Text(), conflict, 40)
	w.cosigns(l.question(40, 40))
}

// Other signatures under the checkpoint are passed over; a wrong one of a known key is not.
func TestWitnessPassesOverOtherSignatures(t *testing.T) {
	t.Parallel()
	w := setup(t)
	l := w.log(8)
	stranger, err := openKey(filepath.Join(t.TempDir(), "stranger"))
	require.NoError(t, err)
	other, err := note.Sign(&note.Note{Text: string(l.signed(8)[:bytes.Index(l.signed(8), []byte("\n\n"))+1])}, checkpoint.Cosigner("other.example", stranger, testTime))
	require.NoError(t, err)
	_, line, _ := bytes.Cut(other, []byte("\n\n"))
	q := l.question(0, 8)
	q.Note = append(q.Note, line...)
	_, err = w.witness.Add(q.Text())
	require.NoError(t, err)
	notes, err := w.witness.Newest()
	require.NoError(t, err)
	require.NotContains(t, notes[0], "other.example")
	require.Contains(t, notes[0], "witness.example/w1")

	wrong := l.question(8, 8)
	at := bytes.LastIndexByte(wrong.Note, ' ') + 30
	wrong.Note[at] = map[bool]byte{true: 'B', false: 'A'}[wrong.Note[at] == 'A']
	w.refuses(wrong.Text(), noKey, 0)
}

// A log that is continued is another log to a witness until the person who keeps the witness accepts its epoch; then there is no way back.
func TestWitnessFollowsAContinuedLogByAnAct(t *testing.T) {
	t.Parallel()
	w := setup(t)
	l, next := w.log(20), newLog(t, w.key, 2, 5, "leaf")
	w.cosigns(l.question(0, 20))
	w.refuses(next.question(0, 5).Text(), noLog, 0)
	require.ErrorContains(t, w.witness.Accept("veribatch/another", 2), "knows no log")
	require.NoError(t, w.witness.Accept(testName, 2))
	w.restart()
	require.NoError(t, w.witness.Accept(testName, 2))
	require.ErrorContains(t, w.witness.Accept(testName, 1), "no way back")
	w.refuses(l.question(20, 20).Text(), noLog, 0)
	w.refuses(newLog(t, w.key, 3, 5, "leaf").question(0, 5).Text(), noLog, 0)
	w.cosigns(next.question(0, 5))
	require.Len(t, w.witness.memory.of(testName).Ended, 1)
	require.Contains(t, w.witness.memory.of(testName).Ended[0], testName+"/1\n20\n")
}

// A witness that dies at any step of writing has given no line of which it knows nothing afterwards.
func TestWitnessThatDiesInMidWrite(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"create", "write", "sync", "rename", "sync the folder"} {
		for _, after := range []bool{false, true} {
			w := setup(t)
			l := w.log(20)
			w.cosigns(l.question(0, 8))
			fails := errors.New("no room")
			w.witness.disk.step = func(name string, do func() error) error {
				if name != step {
					return do()
				}
				if after {
					_ = do()
				}
				return fails
			}
			_, err := w.witness.Add(l.question(8, 20).Text())
			require.ErrorIs(t, err, fails, step)
			w.witness.disk.step = durable.Do
			fork := newLog(t, w.key, 1, 20, "another")
			_, err = w.witness.Add(fork.question(8, 20).Text())
			var no *Refusal
			require.ErrorAs(t, err, &no)
			w.restart()
			_, err = w.witness.Add(l.question(8, 20).Text())
			if errors.As(err, &no) && no.Size == 20 { // it remembers what it did not tell
				w.cosigns(l.question(20, 20))
				continue
			}
			require.NoError(t, err)
		}
	}
}

// A witness without its memory, with one of another, or in a folder that others can write, does not start.
func TestWitnessWithoutItsMemory(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.cosigns(w.log(8).question(0, 8))
	_, err := Open(w.options())
	require.ErrorContains(t, err, "Another process works")
	path := filepath.Join(w.folder, memoryFile)
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	fails := func(words string) {
		t.Helper()
		_, err := Open(w.options())
		require.ErrorContains(t, err, words)
	}
	require.NoError(t, w.witness.Close())
	for _, damaged := range []string{"", "{}", "null", `{"version":2,"logs":{}}`, string(content[:len(content)/2]), strings.Replace(string(content), `\n8\n`, `\n7\n`, 1), strings.Replace(string(content), `"epoch": 1`, `"epoch": 2`, 1)} {
		require.NoError(t, os.WriteFile(path, []byte(damaged), 0o600))
		fails("is damaged")
	}
	require.NoError(t, os.WriteFile(path, content, 0o600))
	require.NoError(t, os.Chmod(path, 0o644))
	fails("is damaged")
	require.NoError(t, os.Remove(path))
	fails("has lost its memory")
	require.NoError(t, os.Chmod(w.folder, 0o755))
	fails("has permissions")
	require.NoError(t, os.Chmod(w.folder, 0o700))
	require.NoError(t, os.WriteFile(path, content, 0o600))
	o := w.options()
	o.Name = "another"
	_, err = Open(o)
	require.ErrorContains(t, err, "is damaged", "under another name nothing of it was cosigned")
	o.Name = "with space"
	_, err = Open(o)
	require.ErrorContains(t, err, "cannot have the name")
	w.start()
}

// Many ask at once for sizes of their own: what is remembered only grows, and one line is given for each size.
func TestWitnessAskedByManyAtOnce(t *testing.T) {
	t.Parallel()
	w := setup(t)
	l := w.log(64)
	url := w.serve()
	var all sync.WaitGroup
	var mu sync.Mutex
	largest := int64(0)
	for i := range 16 {
		all.Go(func() {
			c := w.client(url)
			size := int64(4 * (i + 1))
			prefix := &testLog{t: t, key: l.key, origin: l.origin, hashes: l.hashes, size: size}
			got, err := c.Ask(t.Context(), l.signed(size), 0, prefix.prove)
			var no *Refusal
			if errors.As(err, &no) {
				return // others were faster
			}
			mu.Lock()
			defer mu.Unlock()
			largest = max(largest, size)
			if err != nil || got.At.IsZero() {
				t.Errorf("%v %v", got, err)
			}
		})
	}
	all.Wait()
	require.Equal(t, largest, w.witness.memory.of(testName).checkpoint.Size)
}

// The example of the text of C2SP is read, and written the same.
func TestQuestionOfTheSpecification(t *testing.T) {
	t.Parallel()
	text := `old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
`
	q, err := Read([]byte(text))
	require.NoError(t, err)
	require.Len(t, q.Proof, 4)
	require.Equal(t, text, string(q.Text()))
}

// What is no question is refused as such.
func TestHostileQuestions(t *testing.T) {
	t.Parallel()
	w := setup(t)
	good := string(w.log(8).question(0, 8).Text())
	hash := tlog.Hash{}.String() + "\n"
	for _, body := range []string{
		"", "\n", "\n\n", "old", "old \n\n", "old 0", "old 0\n", "old 0\n\n", "old 00\n\n" + good[7:], "old -1\n\n" + good[7:], "old +1\n\n" + good[7:], "old 9999999999999999999\n\n" + good[7:],
		" " + good, "OLD 0\n\n" + good[7:], "old 0\r\n\r\n" + good[7:], "old 0\n" + hash[:40] + "\n\n" + good[7:], "old 0\nAAAA\n\n" + good[7:], "old 0\n" + strings.Repeat(hash, 64) + "\n" + good[7:],
		good[7:], good[:len(good)-1], good + "\n", good + "x", strings.Repeat("old 0\n", 100000), good + strings.Repeat("— a AAAAAAAA\n", 100), good + strings.Repeat("x", maxBody), strings.Replace(good, "\n8\n", "\n08\n", 1), strings.Replace(good, "\n8\n", "\n8\nmore\n", 1),
	} {
		w.refuses([]byte(body), badForm, 0)
	}
	w.refuses([]byte("old 0\n"+hash+"\n"+good[7:]), noProof, 0)
	_, err := w.witness.Add([]byte(good))
	require.NoError(t, err)
}

// FuzzRead: whatever is read is written the same, and nothing panics.
func FuzzRead(f *testing.F) {
	f.Add([]byte("old 3\n" + tlog.Hash{}.String() + "\n\norigin\n8\n" + tlog.Hash{}.String() + "\n\n— a AAAAAAAA\n"))
	f.Add([]byte("old 0\n\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		q, err := Read(body)
		if err == nil && !bytes.Equal(q.Text(), body) {
			t.Errorf("%q was read as %q", body, q.Text())
		}
	})
}

// Keys of logs that are none, and two of one log.
func TestKeysOfLogs(t *testing.T) {
	t.Parallel()
	w := setup(t)
	line := checkpoint.VerifierKey(testName, w.key.Public())
	for _, wrong := range [][]string{nil, {""}, {"a+b+c"}, {line[1:]}, {checkpoint.VerifierKey("example.com", w.key.Public())}} {
		_, err := Logs(wrong)
		require.Error(t, err, "%v", wrong)
	}
	second, err := openKey(t.TempDir() + "/second")
	require.NoError(t, err)
	logs, err := Logs([]string{line, checkpoint.VerifierKey(testName, second.Public())})
	require.NoError(t, err)
	require.Len(t, logs, 1)
	require.Len(t, logs[0].Keys, 2)
	for _, wrong := range []string{"", line, line + " ", line + " ftp://a", line + " https://", line + " https://u:p@a", line + " https://a?b", "a+b+c https://a"} {
		_, err := NewClient(wrong, nil)
		require.Error(t, err, fmt.Sprintf("%q", wrong))
	}
	_, err = NewClient(line+" https://a/b/", nil)
	require.NoError(t, err)
	require.Equal(t, 5*time.Second, Patience)
}
