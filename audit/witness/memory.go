package witness

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/mod/sumdb/note"

	"veribatch/audit/checkpoint"
	"veribatch/internal/durable"
	"veribatch/internal/fault"
)

// The files of the folder, beside the key. New memory is written beside the old one and moved over it.
const (
	memoryFile = "memory.json"
	unfinished = ".memory."
)

// maxMemory bounds what is read.
const maxMemory = 4 << 20

// memory is what a witness remembers: one file for all its logs, so that a part of it cannot be lost and taken for a beginning.
type memory struct {
	Version int                   `json:"version"`
	Logs    map[string]remembered `json:"logs"` // by name
}

// remembered is the memory of one log.
type remembered struct {
	Epoch int      `json:"epoch"`           // the one that is cosigned
	Last  string   `json:"last,omitempty"`  // the last checkpoint of it, with the log's signatures and our own
	Ended []string `json:"ended,omitempty"` // the last ones of earlier epochs

	checkpoint checkpoint.Checkpoint
}

// of gives the memory of a log; of a new one, that its first epoch is cosigned.
func (m memory) of(name string) remembered {
	if r, known := m.Logs[name]; known {
		return r
	}
	return remembered{Epoch: 1}
}

func (m memory) with(name string, r remembered) memory {
	next := memory{Version: 1, Logs: map[string]remembered{}}
	maps.Copy(next.Logs, m.Logs)
	next.Logs[name] = r
	return next
}

func (m memory) names() []string { return slices.Sorted(maps.Keys(m.Logs)) }

// disk is the folder.
type disk struct {
	folder string
	step   durable.Step
}

// begin writes an empty memory into a folder that has nothing yet. In any other folder a memory that is missing was lost.
func (d disk) begin() error {
	files, err := os.ReadDir(d.folder)
	if err != nil {
		return fmt.Errorf("look into the folder of the witness: %w", err)
	}
	for _, f := range files {
		if f.Name() != durable.LockFile && !strings.HasPrefix(f.Name(), unfinished) {
			return nil
		}
	}
	return d.write(memory{Version: 1, Logs: map[string]remembered{}})
}

func (d disk) write(m memory) error {
	content, err := json.MarshalIndent(m, "", "\t")
	if err != nil {
		return err
	}
	return durable.Replace(d.folder, memoryFile, unfinished, append(content, '\n'), d.step)
}

// read gives the memory, each note of which this witness has cosigned.
func (d disk) read(own note.Verifier) (m memory, err error) {
	file, err := os.OpenFile(filepath.Join(d.folder, memoryFile), os.O_RDONLY|syscall.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return m, fault.New(fault.Refused, "The witness in %s has lost its memory. Retire it: begin a new one in an empty folder, and give its key to the plant.", d.folder).Because(err)
	}
	if err != nil {
		return m, fmt.Errorf("open the memory of the witness: %w", err)
	}
	defer func() { _ = file.Close() }()
	content, err := io.ReadAll(io.LimitReader(file, maxMemory+1))
	if err != nil {
		return m, fmt.Errorf("read the memory of the witness: %w", err)
	}
	info, err := file.Stat()
	if err == nil && (!info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 || len(content) > maxMemory) {
		err = errors.New("the file is open to others, too long, or no plain file")
	}
	if err == nil {
		m, err = parseMemory(content, own)
	}
	if err != nil {
		return memory{}, fault.New(fault.Refused, "The memory of the witness in %s is damaged, or is not what this witness cosigned. It cosigns nothing. Retire it, unless that very file is found again.", d.folder).Because(err)
	}
	return m, nil
}

func parseMemory(content []byte, own note.Verifier) (m memory, err error) {
	d := json.NewDecoder(bytes.NewReader(content))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return m, err
	}
	if d.More() || m.Version != 1 || m.Logs == nil {
		return m, errors.New("not a memory of this version")
	}
	for name, r := range m.Logs {
		if r.Epoch < 1 {
			return m, fmt.Errorf("no epoch of %s", name)
		}
		if r.Last != "" {
			if r.checkpoint, err = checkpoint.Parse([]byte(r.Last), note.VerifierList(own)); err != nil {
				return m, err
			}
			if r.checkpoint.Origin != fmt.Sprintf("%s/%d", name, r.Epoch) {
				return m, fmt.Errorf("a checkpoint of %s stands under %s", r.checkpoint.Origin, name)
			}
		}
		m.Logs[name] = r
	}
	return m, nil
}
