package backup

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
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

	"veribatch/internal/fault"
)

// stamp names a line or a backup: sortable by time, and never given twice.
func stamp(at time.Time) string {
	raw := make([]byte, 3)
	_, _ = rand.Read(raw) // never fails
	return at.UTC().Format("20060102T150405Z") + "-" + hex.EncodeToString(raw)
}

// writeWhole writes a small file so that after a crash it is there whole or not at all.
func writeWhole(path string, text []byte) error {
	f, err := os.OpenFile(path+part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path+part))
	}
	if err := os.Rename(path+part, path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

func writeJSON(path string, v any) error {
	text, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return err
	}
	return writeWhole(path, append(text, '\n'))
}

func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// digestOf gives the SHA-256 of the first bytes of a file (limit < 0: of all) and how many there were.
func digestOf(path string, limit int64) (sum string, n int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	var from io.Reader = f
	if limit >= 0 {
		from = io.LimitReader(f, limit)
	}
	h := sha256.New()
	n, err = io.Copy(h, from)
	return hex.EncodeToString(h.Sum(nil)), n, err
}

// filesUnder digests every file below a folder; paths are relative to root.
func filesUnder(root, folder string) (list []File, err error) {
	err = filepath.WalkDir(filepath.Join(root, folder), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if !d.Type().IsRegular() {
			return fmt.Errorf("%s is not a plain file: a cluster with tablespaces is backed up by its administrators", path)
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		sum, n, err := digestOf(path, -1)
		list = append(list, File{filepath.ToSlash(name), n, sum})
		return err
	})
	return list, err
}

// endingIn lists the files of a folder that end so, in order. A pattern would take letters of the folder's own name for more than they are.
func endingIn(folder, end string) (paths []string) {
	found, _ := os.ReadDir(folder)
	for _, f := range found {
		if strings.HasSuffix(f.Name(), end) {
			paths = append(paths, filepath.Join(folder, f.Name()))
		}
	}
	return paths
}

// copyChecked copies a file and compares what it read with what it ought to be.
func copyChecked(from, to string, want File) error {
	in, err := os.Open(from)
	if errors.Is(err, fs.ErrNotExist) {
		return damaged(want.Path, "it is missing")
	} else if err != nil {
		return err
	}
	defer in.Close()
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	h := sha256.New()
	n, err := io.Copy(out, io.TeeReader(in, h))
	// PostgreSQL writes its whole data directory through to the disk before it recovers, so nothing is synchronised here.
	if err = errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("copy %s: %w", want.Path, err)
	}
	switch {
	case n != want.Bytes:
		return damaged(want.Path, fmt.Sprintf("it has %d bytes instead of %d", n, want.Bytes))
	case hex.EncodeToString(h.Sum(nil)) != want.SHA256:
		return damaged(want.Path, "its SHA-256 is not the one that was noted when it was made")
	}
	return nil
}

func damaged(what, how string) error {
	return fault.New(fault.Refused, "The backup is damaged: %s: %s. Nothing was restored.", what, how)
}

// local refuses a path that leads out of the backup.
func local(path string) error {
	if !filepath.IsLocal(path) || strings.Contains(path, `\`) {
		return damaged(path, "the path leads out of the backup")
	}
	return nil
}

// locked takes the lock of a file, which falls with the process. With syscall.LOCK_NB it does not wait.
func locked(path string, how int) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|how); err != nil {
		_ = f.Close()
		return nil, err
	}
	return func() { _ = f.Close() }, nil
}
