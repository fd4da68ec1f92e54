package checkpoint

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"veribatch/internal/durable"
)

// Skew is how far the time of a checkpoint may be from the signer's own clock.
const Skew = time.Minute

// maxProof is more than any tree needs.
const maxProof = 63

// Request asks for the signature of a tree that has grown.
type Request struct {
	Old      int64       // size of the newest checkpoint that the log knows; 0 for none
	Proof    []tlog.Hash // that the tree of Text grows from the tree of that size
	Text     string      // origin, size, root
	Time     time.Time   // by the clock of the log
	Evidence []byte      // that quality assurance wants a new epoch, when Text is the first tree of one
}

// Signer signs trees that grow, and remembers the last one where the database cannot reach. Its folder belongs to one signer at a time.
type Signer struct {
	// Continues says why evidence does not allow the log asked for to begin after the last tree that was signed. Nil: none ever does.
	Continues func(evidence []byte, asked, last Checkpoint) error

	clock func() time.Time
	disk  disk
	lock  *os.File

	mu     sync.Mutex
	key    Key
	memory memory
	stale  bool // a write failed: what the disk holds decides
}

// Open takes the folder, which is made at first use, for one signer. The key is asked for after the memory has been begun: a folder with a
// key and no memory has lost it, and is never begun anew.
func Open(folder string, key func(folder string) (Key, error), clock func() time.Time) (*Signer, error) {
	return open(disk{folder: folder, step: durable.Do}, key, clock)
}

func open(d disk, key func(folder string) (Key, error), clock func() time.Time) (*Signer, error) {
	lock, err := durable.Claim(d.folder)
	if err != nil {
		return nil, err
	}
	s := &Signer{clock: clock, disk: d, lock: lock, stale: true}
	if err = d.begin(); err == nil {
		s.key, err = key(d.folder)
	}
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return s, nil
}

// Close gives the folder free.
func (s *Signer) Close() error { return s.lock.Close() }

// Key gives the public key that verifiers need.
func (s *Signer) Key(context.Context) (ed25519.PublicKey, error) { return s.key.Public(), nil }

// Last gives the newest checkpoint that was signed, nil when there is none.
func (s *Signer) Last() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.remember(); err != nil {
		return nil, err
	}
	if s.memory.Last == nil {
		return nil, nil
	}
	return []byte(s.memory.Last.Note), nil
}

// Sign signs the tree when it grows from the last one that was signed, and gives the signed note. It is on the disk before it leaves: a signer
// that dies in between remembers more than it has told, and the log takes that from the Refusal with the code Behind.
func (s *Signer) Sign(_ context.Context, r Request) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked, err := ParseText(r.Text)
	if err == nil {
		_, _, err = SplitOrigin(asked.Origin)
	}
	if err != nil || r.Old < 0 || len(r.Proof) > maxProof {
		return nil, &Refusal{Code: Form, Cause: err}
	}
	if err := s.remember(); err != nil {
		return nil, refuse(err, asked)
	}
	r.Time = r.Time.UTC().Truncate(time.Microsecond)
	if code := s.judge(r, asked); code != "" {
		return nil, s.refusal(code, asked)
	}
	signed, err := s.seal(r)
	if err != nil {
		return nil, err
	}
	next := s.memory
	next.Last = &remembered{Note: string(signed), At: r.Time, checkpoint: asked}
	if err := s.disk.write(next); err != nil {
		s.stale = true
		return nil, fmt.Errorf("checkpoint: the memory of the signer cannot be written: %w", err)
	}
	s.memory = next
	return signed, nil
}

// judge says why the tree is not signed; "" when it is.
func (s *Signer) judge(r Request, asked Checkpoint) string {
	if away := r.Time.Sub(s.clock()); away > Skew || away < -Skew {
		return Clock
	}
	if s.memory.Last == nil {
		switch {
		case r.Old != 0:
			return Lost
		case len(r.Proof) != 0:
			return Proof
		}
		return ""
	}
	last := s.memory.Last.checkpoint
	switch {
	case asked.Origin != last.Origin:
		return s.judgeEpoch(r, asked)
	case asked.Size < last.Size:
		return Smaller
	case asked.Size == last.Size && asked.Root != last.Root:
		return Forked
	case r.Old < last.Size:
		return Behind
	case r.Old > last.Size:
		return Lost
	case !grows(r.Proof, asked, last):
		return Proof
	case !r.Time.After(s.memory.Last.At):
		return Time
	}
	return ""
}

// judgeEpoch says why the first tree of another epoch is not signed. An epoch is begun once: evidence that was used does not serve again.
func (s *Signer) judgeEpoch(r Request, asked Checkpoint) string {
	last := s.memory.Last
	name, epoch, err := SplitOrigin(asked.Origin)
	was, before, wrong := SplitOrigin(last.checkpoint.Origin)
	switch {
	case err != nil || wrong != nil || name != was || epoch <= before || len(r.Evidence) == 0 || s.Continues == nil || s.Continues(r.Evidence, asked, last.checkpoint) != nil:
		return Origin
	case r.Old != 0:
		return Lost
	case len(r.Proof) != 0:
		return Proof
	case !r.Time.After(last.At):
		return Time
	}
	return ""
}

// grows says whether the proof shows that the tree holds all leaves of the last one, in their places.
func grows(proof []tlog.Hash, asked, last Checkpoint) bool {
	if last.Size == 0 || asked.Size == last.Size {
		return len(proof) == 0
	}
	return tlog.CheckTree(proof, asked.Size, asked.Root, last.Size, last.Root) == nil
}

// seal signs the text twice, plainly and dated, and reads what it signed: a key that signs wrongly is found before anything is remembered.
func (s *Signer) seal(r Request) ([]byte, error) {
	c, err := ParseText(r.Text)
	if err != nil {
		return nil, err
	}
	name, _, err := SplitOrigin(c.Origin)
	if err != nil {
		return nil, err
	}
	signed, err := note.Sign(&note.Note{Text: r.Text}, plainSigner(name, s.key), Cosigner(name, s.key, r.Time))
	if err != nil {
		return nil, fmt.Errorf("checkpoint: the key does not sign: %w", err)
	}
	read, err := s.read(signed)
	if err != nil || read.Text() != r.Text || !read.AsSigned(signed) {
		return nil, errors.Join(errors.New("checkpoint: the key signed something else"), err)
	}
	return signed, nil
}

// read verifies a note with the signer's own key.
func (s *Signer) read(signed []byte) (Checkpoint, error) {
	origin, _, _ := bytes.Cut(signed, []byte("\n"))
	name, _, err := SplitOrigin(string(origin))
	if err != nil {
		return Checkpoint{}, err
	}
	verifiers, err := Verifiers(name, s.key.Public())
	if err != nil {
		return Checkpoint{}, err
	}
	return Parse(signed, note.VerifierList(verifiers...))
}

// remember reads the memory from the disk, at the start and after a write that failed.
func (s *Signer) remember() error {
	if !s.stale {
		return nil
	}
	m, err := s.disk.read(s.read)
	if err != nil {
		return err
	}
	s.memory, s.stale = m, false
	return nil
}

func (s *Signer) refusal(code string, asked Checkpoint) *Refusal {
	r := &Refusal{Code: code, Asked: asked}
	if last := s.memory.Last; last != nil {
		r.Last, r.Note, r.At = last.checkpoint, []byte(last.Note), last.At
	}
	return r
}

// refuse adds to a refusal what was asked.
func refuse(err error, asked Checkpoint) error {
	if r := (*Refusal)(nil); errors.As(err, &r) {
		r.Asked = asked
	}
	return err
}
