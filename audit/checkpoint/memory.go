package checkpoint

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"veribatch/internal/durable"
)

// The files of the folder. New memory is written beside the old one and moved over it.
const (
	memoryFile = "memory.json"
	unfinished = ".memory."
)

// maxMemory bounds what is read: the last checkpoint, and those that ended an epoch.
const maxMemory = 4 << 20

// memory is what a signer remembers.
type memory struct {
	Version int         `json:"version"`
	Last    *remembered `json:"last,omitempty"` // nil: nothing was signed yet
}

// remembered is one signed checkpoint.
type remembered struct {
	Note string    `json:"note"`
	At   time.Time `json:"at"` // to the microsecond; the cosignature in the note has the second

	checkpoint Checkpoint
}

// disk is the folder. Each step that changes it goes through step, so that tests let each fail, before it is done and after.
type disk struct {
	folder string
	step   durable.Step
}

// begin writes an empty memory into a folder that has nothing yet. In any other folder a memory that is missing was lost.
func (d disk) begin() error {
	files, err := os.ReadDir(d.folder)
	if err != nil {
		return fmt.Errorf("look into the folder of the signer: %w", err)
	}
	for _, f := range files {
		if f.Name() != durable.LockFile && !strings.HasPrefix(f.Name(), unfinished) {
			return nil
		}
	}
	if err := d.write(memory{Version: 1}); err != nil {
		return fmt.Errorf("begin the memory of the signer: %w", err)
	}
	return nil
}

// write replaces the memory: whole or not at all, and on the disk when it returns nil.
func (d disk) write(m memory) error {
	content, err := json.MarshalIndent(m, "", "\t")
	if err != nil {
		return err
	}
	return durable.Replace(d.folder, memoryFile, unfinished, append(content, '\n'), d.step)
}

// read gives the memory, each note of which is verified, unless verify is nil.
func (d disk) read(verify func([]byte) (Checkpoint, error)) (m memory, err error) {
	file, err := os.OpenFile(filepath.Join(d.folder, memoryFile), os.O_RDONLY|syscall.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return m, &Refusal{Code: Lost, Cause: err}
	}
	if err != nil {
		return m, &Refusal{Code: Damaged, Cause: err}
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 {
		return m, &Refusal{Code: Damaged, Cause: errors.Join(err, errors.New("the file of the memory is open to others or no plain file"))}
	}
	content, err := io.ReadAll(io.LimitReader(file, maxMemory))
	if err != nil {
		return m, &Refusal{Code: Damaged, Cause: err}
	}
	if err := m.parse(content, verify); err != nil {
		return memory{}, &Refusal{Code: Damaged, Cause: err}
	}
	return m, nil
}

func (m *memory) parse(content []byte, verify func([]byte) (Checkpoint, error)) error {
	d := json.NewDecoder(bytes.NewReader(content))
	d.DisallowUnknownFields()
	if err := d.Decode(m); err != nil {
		return err
	}
	if d.More() || m.Version != 1 {
		return errors.New("not a memory of this version")
	}
	if m.Last == nil || verify == nil {
		return nil
	}
	return m.Last.verify(verify)
}

// verify reads the note: it was signed by the signer's key, at the time beside it.
func (r *remembered) verify(verify func([]byte) (Checkpoint, error)) (err error) {
	if r.checkpoint, err = verify([]byte(r.Note)); err != nil {
		return err
	}
	name, _, err := SplitOrigin(r.checkpoint.Origin)
	if err != nil {
		return err
	}
	if signed := r.checkpoint.Time(name); !signed.Equal(r.At.Truncate(time.Second)) {
		return fmt.Errorf("remembered at %s, signed at %s", r.At, signed)
	}
	return nil
}

// Remembered gives the note that the signer of a folder remembers, as it stands in the file, also while the signer works; nil when the folder has none
// or the signer has signed nothing, and for the folder "". Whoever reads it verifies it.
func Remembered(folder string) ([]byte, error) {
	if folder == "" {
		return nil, nil
	}
	m, err := disk{folder: folder}.read(nil)
	var no *Refusal
	switch {
	case errors.As(err, &no) && no.Code == Lost:
		return nil, nil
	case err != nil || m.Last == nil:
		return nil, err
	}
	return []byte(m.Last.Note), nil
}
