// Package witness is the C2SP tlog-witness protocol: a Witness that cosigns the checkpoints of a log as long as each grows from the last one it
// cosigned, which it remembers on its own disk, and a Client that asks one. It knows no database and decides nothing about the plant.
// Start reading at Witness.Add, then Client.Ask.
package witness

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"veribatch/audit/checkpoint"
	"veribatch/internal/durable"
	"veribatch/internal/fault"
)

// Bounds of a question: 63 hashes and a note of many signatures.
const (
	maxProof = 63
	maxBody  = 160 << 10
)

// Refusal is the answer of a witness that does not cosign, by the status of the protocol.
type Refusal struct {
	Status int
	Size   int64 // with 409: what it cosigned last
	Why    string
}

// Error says it for the log.
func (r *Refusal) Error() string {
	return fmt.Sprintf("the witness answered %d: %s", r.Status, r.Why)
}

// The statuses of the protocol.
const (
	badForm  = 400
	noKey    = 403
	noLog    = 404
	conflict = 409
	noProof  = 422
)

func no(status int, why string, args ...any) *Refusal {
	return &Refusal{Status: status, Why: fmt.Sprintf(why, args...)}
}

// Question is the body of add-checkpoint, read and not judged.
type Question struct {
	Old   int64
	Proof []tlog.Hash
	Note  []byte
}

// Text is the question as it goes over the wire.
func (q Question) Text() []byte {
	text := fmt.Appendf(nil, "old %d\n", q.Old)
	for _, h := range q.Proof {
		text = append(append(text, h.String()...), '\n')
	}
	return append(append(text, '\n'), q.Note...)
}

// Read reads a question, of which there is one way of writing.
func Read(body []byte) (q Question, err error) {
	head, signed, found := bytes.Cut(body, []byte("\n\n"))
	lines := bytes.Split(head, []byte("\n"))
	size, old := bytes.CutPrefix(lines[0], []byte("old "))
	if !found || !old || len(lines) > 1+maxProof || len(body) > maxBody {
		return q, errors.New("not: old size, at most 63 hashes, an empty line, a signed checkpoint")
	}
	q.Old, err = strconv.ParseInt(string(size), 10, 64)
	if err != nil || q.Old < 0 || strconv.FormatInt(q.Old, 10) != string(size) {
		return q, errors.New("the old size is no number in plain digits")
	}
	for _, line := range lines[1:] {
		h, err := tlog.ParseHash(string(line))
		if err != nil || h.String() != string(line) {
			return q, errors.New("a line of the proof is no SHA-256 in base64")
		}
		q.Proof = append(q.Proof, h)
	}
	q.Note = signed
	return q, nil
}

// Log is a log whose checkpoints a witness cosigns.
type Log struct {
	Name string // the origin without the epoch
	Keys []note.Verifier
}

// Logs reads the keys of logs, a line each as a plant hands them out. A log whose key was replaced has several.
func Logs(lines []string) (list []Log, err error) {
	for _, line := range lines {
		key, err := checkpoint.NewVerifier(line)
		if err == nil {
			_, _, err = checkpoint.SplitOrigin(key.Name() + "/1")
		}
		if err != nil {
			return nil, fault.New(fault.Invalid, "This is no key of a log: %.120s. The page Log and checkpoints shows it.", line).Because(err)
		}
		at := slices.IndexFunc(list, func(l Log) bool { return l.Name == key.Name() })
		if at < 0 {
			at, list = len(list), append(list, Log{Name: key.Name()})
		}
		list[at].Keys = append(list[at].Keys, key)
	}
	if len(list) == 0 {
		return nil, fault.New(fault.Invalid, "A witness needs the key of at least one log.")
	}
	return list, nil
}

// Witness cosigns. Its folder belongs to one at a time.
type Witness struct {
	clock func() time.Time
	disk  disk
	lock  *os.File
	logs  map[string]Log
	key   checkpoint.Key
	name  string
	own   note.Verifier

	mu     sync.Mutex
	memory memory
	stale  bool // a write failed: what the disk holds decides
}

// Options say how a witness is opened.
type Options struct {
	Folder string
	Name   string // under which it cosigns; "" takes one from the key
	Logs   []Log
	Key    func(folder string) (checkpoint.Key, error)
	Clock  func() time.Time
}

// Open takes the folder, which is made at first use. A folder with a key and no memory has lost it: such a witness is retired, never begun anew.
func Open(o Options) (*Witness, error) { return open(o, durable.Do) }

func open(o Options, step durable.Step) (w *Witness, err error) {
	lock, err := durable.Claim(o.Folder)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, lock.Close())
		}
	}()
	w = &Witness{clock: o.Clock, disk: disk{o.Folder, step}, lock: lock, logs: map[string]Log{}, name: o.Name, stale: true}
	for _, l := range o.Logs {
		w.logs[l.Name] = l
	}
	if err = w.disk.begin(); err != nil {
		return nil, err
	}
	if w.key, err = o.Key(o.Folder); err != nil {
		return nil, err
	}
	if w.name == "" {
		w.name = "witness/" + w.key.ID()[:16]
	}
	if w.own, err = checkpoint.CosignatureVerifier(w.name, w.key.Public()); err != nil {
		return nil, fault.New(fault.Invalid, "A witness cannot have the name %.80q: it has no spaces and no plus sign.", w.name).Because(err)
	}
	return w, w.remember()
}

// Close gives the folder free.
func (w *Witness) Close() error { return w.lock.Close() }

// Key is the line by which the cosignatures are verified.
func (w *Witness) Key() string { return checkpoint.VerifierKey(w.name, w.key.Public()) }

// Accept lets the log of that name go on in a later epoch. A log begins anew when it is continued, which to a witness looks like a fork: so a person who
// asked the plant why decides it, here. There is no way back to an earlier epoch.
func (w *Witness) Accept(name string, epoch int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.remember(); err != nil {
		return err
	}
	now := w.memory.of(name)
	switch _, known := w.logs[name]; {
	case !known:
		return fault.New(fault.Missing, "This witness knows no log %s.", name)
	case epoch < now.Epoch:
		return fault.New(fault.Refused, "This witness has accepted epoch %d of the log %s; there is no way back to epoch %d.", now.Epoch, name, epoch)
	case epoch == now.Epoch:
		return nil
	}
	next := remembered{Epoch: epoch, Ended: slices.Clone(now.Ended)}
	if now.Last != "" {
		next.Ended = append(next.Ended, now.Last)
	}
	return w.write(name, next)
}

// Add cosigns the checkpoint in the question when it grows from the last one of its log. What it gives is on the disk before it leaves. Everything
// that it compares with, and what it writes, is under one lock: two questions can never take the memory back.
func (w *Witness) Add(body []byte) (line string, err error) {
	q, err := Read(body)
	if err != nil {
		return "", no(badForm, "%v", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.remember(); err != nil {
		return "", err
	}
	asked, name, refused := w.identify(q.Note)
	if refused != nil {
		return "", refused
	}
	now := w.memory.of(name)
	if refused := judge(q, asked, now); refused != nil {
		return "", refused
	}
	signed, line, err := w.cosign(asked)
	if err != nil {
		return "", err
	}
	if asked.Text() != now.checkpoint.Text() || now.Last == "" {
		now.Last, now.checkpoint = signed, asked
		if err := w.write(name, now); err != nil {
			return "", err
		}
	}
	return line, nil
}

// identify says which log the checkpoint is of, and that a key of this log signed it.
func (w *Witness) identify(signed []byte) (c checkpoint.Checkpoint, name string, refused *Refusal) {
	text, _, found := bytes.Cut(signed, []byte("\n\n"))
	c, err := checkpoint.ParseText(string(text) + "\n")
	if err != nil || !found {
		return c, "", no(badForm, "no signed checkpoint: %v", err)
	}
	name, epoch, err := checkpoint.SplitOrigin(c.Origin)
	log, known := w.logs[name]
	if err != nil || !known {
		return c, name, no(noLog, "this witness knows no log %s", c.Origin)
	}
	if accepted := w.memory.of(name).Epoch; epoch != accepted {
		return c, name, no(noLog, "this witness cosigns epoch %d of the log %s; whoever keeps it decides about another (ebr witness --accept-epoch)", accepted, name)
	}
	parsed, err := checkpoint.Parse(signed, note.VerifierList(log.Keys...))
	var unsigned *note.UnverifiedNoteError
	var forged *note.InvalidSignatureError
	switch {
	case errors.As(err, &unsigned), errors.As(err, &forged):
		return c, name, no(noKey, "no key of the log %s signed this: %v", name, err)
	case err != nil:
		return c, name, no(badForm, "%v", err)
	}
	return parsed, name, nil
}

// judge says why a checkpoint does not follow the last one; nil when it does.
func judge(q Question, asked checkpoint.Checkpoint, now remembered) *Refusal {
	last := now.checkpoint
	switch {
	case q.Old > asked.Size:
		return no(badForm, "the old size is larger than the new one")
	case q.Old != last.Size:
		return &Refusal{conflict, last.Size, fmt.Sprintf("the last checkpoint cosigned here has %d leaves", last.Size)}
	case asked.Size == last.Size && now.Last != "" && asked.Root != last.Root:
		return &Refusal{conflict, last.Size, fmt.Sprintf("another log of %d leaves was cosigned here", last.Size)}
	case q.Old == 0 || q.Old == asked.Size:
		if len(q.Proof) != 0 {
			return no(noProof, "there is nothing to prove")
		}
	case tlog.CheckTree(q.Proof, asked.Size, asked.Root, last.Size, last.Root) != nil:
		return no(noProof, "the log does not grow from the %d leaves cosigned here", last.Size)
	}
	return nil
}

// cosign gives the note with the log's signatures that were verified and our own, and our line alone.
func (w *Witness) cosign(c checkpoint.Checkpoint) (signed, line string, err error) {
	sealed, err := note.Sign(&note.Note{Text: c.Text()}, checkpoint.Cosigner(w.name, w.key, w.clock()))
	if err != nil {
		return "", "", fmt.Errorf("the key of the witness does not sign: %w", err)
	}
	if _, err := checkpoint.Parse(sealed, note.VerifierList(w.own)); err != nil {
		return "", "", fmt.Errorf("the key of the witness signed something else: %w", err)
	}
	text, own, _ := bytes.Cut(sealed, []byte("\n\n"))
	signed = string(text) + "\n\n"
	for _, s := range c.Signers {
		signed += s.Line + "\n"
	}
	return signed + string(own), string(own), nil
}

// remember reads the memory from the disk, at the start and after a write that failed.
func (w *Witness) remember() error {
	if !w.stale {
		return nil
	}
	m, err := w.disk.read(w.own)
	if err == nil {
		w.memory, w.stale = m, false
	}
	return err
}

func (w *Witness) write(name string, r remembered) error {
	next := w.memory.with(name, r)
	if err := w.disk.write(next); err != nil {
		w.stale = true
		return fmt.Errorf("the memory of the witness cannot be written: %w", err)
	}
	w.memory = next
	return nil
}

// Newest gives the last checkpoint of each log, as it was cosigned, in the order of their names.
func (w *Witness) Newest() (notes []string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	err = w.remember()
	for _, name := range w.memory.names() {
		if last := w.memory.Logs[name].Last; last != "" {
			notes = append(notes, last)
		}
	}
	return notes, err
}
