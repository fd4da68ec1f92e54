package backup

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"filippo.io/age"

	"veribatch/internal/fault"
)

// shortestPassphrase: the keys in a stolen backup are as safe as the passphrase is long.
const shortestPassphrase = 12

// work is the cost of one guess at the passphrase: 2^17 rounds of scrypt, half a second and 128 MB.
const work = 17

// notWrapped stand in the state folder and are no secrets of the plant: the database and what belongs to this run and this place.
var notWrapped = []string{"pg", "pg.new", "log", "run", "lock", "place", "backup", "wal.restored", "restoring"}

// CheckPassphrase refuses one that is too short to protect anything.
func CheckPassphrase(p string) error {
	if utf8.RuneCountInString(p) < shortestPassphrase {
		return fault.New(fault.Invalid, "The passphrase of the backup has at least %d characters.", shortestPassphrase)
	}
	return nil
}

// wrap writes the state folder's keys and secrets, and the manifest so far, under the passphrase.
func wrap(to, state, passphrase string, manifest []byte) (err error) {
	recipient, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return err
	}
	recipient.SetWorkFactor(work)
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Sync(), f.Close()) }()
	sealed, err := age.Encrypt(f, recipient)
	if err != nil {
		return err
	}
	pack := tar.NewWriter(sealed)
	if err := packFile(pack, manifestFile, manifest); err != nil {
		return err
	}
	if err := packState(pack, state); err != nil {
		return err
	}
	return errors.Join(pack.Close(), sealed.Close())
}

func packFile(pack *tar.Writer, name string, text []byte) error {
	if err := pack.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o600, Size: int64(len(text))}); err != nil {
		return err
	}
	_, err := pack.Write(text)
	return err
}

func packState(pack *tar.Writer, state string) error {
	return filepath.WalkDir(state, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(state, path)
		if err != nil || name == "." {
			return err
		}
		top, _, _ := strings.Cut(filepath.ToSlash(name), "/")
		switch {
		case slices.Contains(notWrapped, top) && d.IsDir():
			return fs.SkipDir
		case slices.Contains(notWrapped, top) || !d.Type().IsRegular() || strings.HasSuffix(name, part):
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return packFile(pack, "state/"+filepath.ToSlash(name), text)
	})
}

// largestKeys is far above what keys and secrets need.
const largestKeys = 64 << 20

// unwrap gives the files that wrap put away, by name.
func unwrap(from, passphrase string) (files map[string][]byte, err error) {
	identity, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(from)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	plain, err := age.Decrypt(f, identity)
	if err != nil {
		return nil, fault.New(fault.Refused, "The passphrase does not open the keys of this backup. Nothing was restored.").Because(err)
	}
	raw, err := io.ReadAll(io.LimitReader(plain, largestKeys))
	if err != nil {
		return nil, damaged(wrappedFile, err.Error())
	}
	files = map[string][]byte{}
	for pack := tar.NewReader(bytes.NewReader(raw)); ; {
		h, err := pack.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, damaged(wrappedFile, err.Error())
		}
		if err := local(h.Name); err != nil {
			return nil, err
		}
		if files[h.Name], err = io.ReadAll(pack); err != nil {
			return nil, damaged(wrappedFile, err.Error())
		}
	}
}
