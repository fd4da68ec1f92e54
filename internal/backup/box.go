package backup

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Box is a folder of a state folder in which small results wait until the server has filed them: the work may be done while no server or
// no database runs, and a result survives a crash.
type Box string

// Reports waits for what was made, and Returned for the news that this plant came back from a backup.
func Reports(state string) Box  { return Box(filepath.Join(state, "backup", "reports")) }
func Returned(state string) Box { return Box(filepath.Join(state, "backup", "returned")) }

// Put keeps a result under its name.
func (b Box) Put(name string, v any) error {
	if err := os.MkdirAll(string(b), 0o700); err != nil {
		return err
	}
	return writeJSON(filepath.Join(string(b), name+".json"), v)
}

// Each hands out what waits, oldest name first, and takes away what do has dealt with.
func (b Box) Each(do func(raw []byte) error) error {
	for _, path := range endingIn(string(b), ".json") {
		raw, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil && !json.Valid(raw) {
			err = errors.New(strings.TrimPrefix(path, string(b)) + " is not a result")
		}
		if err == nil {
			err = do(raw)
		}
		if err == nil {
			err = os.Remove(path)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
