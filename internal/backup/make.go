package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"veribatch/internal/fault"
	"veribatch/internal/postgres"
)

// Source is the plant of which a copy is made.
type Source struct {
	State      string
	Access     postgres.Access
	Passphrase string
	Version    string
	Revision   string
	Schema     string
	Key        Key
	// Heads gives the newest entry of every stream, one a line, and sums them up. It is asked when the copy begins: what it names
	// is in every copy.
	Heads func(ctx context.Context) (Heads, error)
}

// Heads is how far the trail had come when a copy began.
type Heads struct {
	CSV              []byte // stream,seq,hash
	Entries, Streams int64
	Newest           time.Time
}

// Make makes a backup: a copy of the running database that is consistent by itself, checked by PostgreSQL's own tool, the keys under the
// passphrase, and the SHA-256 of every file. It stands under a temporary name until it is whole and on the disk.
func (l Line) Make(ctx context.Context, s Source) (Manifest, string, error) {
	if err := CheckPassphrase(s.Passphrase); err != nil {
		return Manifest{}, "", err
	}
	unlock, err := locked(filepath.Join(l.Dir, "lock"), syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = fault.New(fault.Busy, "A backup is being made already.")
	}
	if err != nil {
		return Manifest{}, "", err
	}
	defer unlock()
	l.sweep()
	began := time.Now().UTC()
	m := Manifest{Format: Format, ID: stamp(began), Line: l.ID, Began: began, Version: s.Version, Revision: s.Revision, Schema: s.Schema, Signer: s.Key.Public}
	half := filepath.Join(l.base(), m.ID+part)
	digest, err := l.fill(ctx, half, s, &m)
	if err == nil {
		err = errors.Join(os.Rename(half, filepath.Join(l.base(), m.ID)), syncFolder(l.base()))
	}
	if err == nil {
		err = l.remember(func(known []madeBackup) []madeBackup { return append(known, madeBackup{m.ID, m.FirstSegment}) })
	}
	if err != nil {
		_ = os.RemoveAll(half) // a full disk gets its room back
		return Manifest{}, "", err
	}
	return m, digest, nil
}

// sweep takes away what a killed predecessor left half. It is called under the lock, so nobody works on it.
func (l Line) sweep() {
	for _, h := range endingIn(l.base(), part) {
		_ = os.RemoveAll(h)
	}
}

func (l Line) fill(ctx context.Context, half string, s Source, m *Manifest) (digest string, err error) {
	data := filepath.Join(half, dataFolder)
	if err := os.Mkdir(half, 0o700); err != nil {
		return "", err
	}
	heads, err := s.Heads(ctx)
	if err != nil {
		return "", err
	}
	m.Entries, m.Streams, m.NewestEntry = heads.Entries, heads.Streams, heads.Newest.UTC()
	if err := writeWhole(filepath.Join(half, headsFile), heads.CSV); err != nil {
		return "", err
	}
	// The segments that the copy needs travel inside it: it can be restored without the archive too.
	run := func(tool string, args ...string) error {
		cmd := s.Access.Tool(ctx, postgres.Backup, tool, args...)
		cmd.Dir = half
		return postgres.Run(cmd)
	}
	err = run("pg_basebackup", "--pgdata="+data, "--format=plain", "--wal-method=stream", "--checkpoint=fast", "--manifest-checksums=SHA256", "--no-password", "--label=veribatch")
	m.Ended = time.Now().UTC()
	if err == nil {
		err = run("pg_verifybackup", "--exit-on-error", dataFolder) // named from within: it hands a path to a shell as it stands
	}
	if err != nil {
		return "", fmt.Errorf("make a base backup: %w", err)
	}
	if err := m.readPostgreSQL(ctx, data, s.Access); err != nil {
		return "", err
	}
	if m.Files, err = filesUnder(half, "."); err != nil {
		return "", err
	}
	return m.seal(half, s)
}

// seal writes keys and manifest.
func (m *Manifest) seal(half string, s Source) (digest string, err error) {
	inner, err := json.Marshal(m)
	if err != nil {
		return "", err
	}
	keys := filepath.Join(half, wrappedFile)
	if err := wrap(keys, s.State, s.Passphrase, inner); err != nil {
		return "", err
	}
	sum, n, err := digestOf(keys, -1)
	if err != nil {
		return "", err
	}
	m.Wrapped = &File{wrappedFile, n, sum}
	if err := writeJSON(filepath.Join(half, manifestFile), m); err != nil {
		return "", err
	}
	text, err := os.ReadFile(filepath.Join(half, manifestFile))
	if err != nil {
		return "", err
	}
	if err := writeWhole(filepath.Join(half, signatureFile), []byte(s.Key.sign(ofManifest, text)+"\n")); err != nil {
		return "", err
	}
	if digest, _, err = digestOf(filepath.Join(half, manifestFile), -1); err != nil {
		return "", err
	}
	return digest, writeWhole(filepath.Join(half, digestFile), []byte(digest+"\n"))
}

// readPostgreSQL takes from PostgreSQL's own manifest which segments the copy needs, and which version and cluster it is of.
func (m *Manifest) readPostgreSQL(ctx context.Context, data string, a postgres.Access) error {
	raw, err := os.ReadFile(filepath.Join(data, "backup_manifest"))
	if err != nil {
		return err
	}
	var own struct {
		Ranges []struct {
			Timeline uint32 `json:"Timeline"`
			Start    string `json:"Start-LSN"`
			End      string `json:"End-LSN"`
		} `json:"WAL-Ranges"`
	}
	if err := json.Unmarshal(raw, &own); err != nil || len(own.Ranges) != 1 {
		return fmt.Errorf("PostgreSQL's manifest names %d stretches of its log instead of one: %w", len(own.Ranges), err)
	}
	r := own.Ranges[0]
	timeline := fmt.Sprintf("%08X", r.Timeline)
	m.FirstSegment, m.LastSegment = timeline+nameOf(position(r.Start)), timeline+nameOf(position(r.End))
	version, err := os.ReadFile(filepath.Join(data, "PG_VERSION"))
	m.PostgreSQL = strings.TrimSpace(string(version))
	if err != nil {
		return err
	}
	m.System, err = systemOf(ctx, a)
	return err
}

// Prune takes away backups of this line beyond the newest keep, and the log that only they needed. It touches what this line made and
// nothing else, and the newest backup never.
func (l Line) Prune(keep int) (removed []string, err error) {
	all, err := l.Backups()
	if err != nil || len(all) <= max(keep, 1) {
		return nil, err
	}
	old := all[:len(all)-max(keep, 1)]
	oldest, err := readManifest(filepath.Join(l.base(), all[len(old)]))
	if err != nil {
		return nil, fmt.Errorf("nothing is taken away: the backup %s that would become the oldest is not whole: %w", all[len(old)], err)
	}
	err = l.remember(func(known []madeBackup) []madeBackup {
		return slices.DeleteFunc(known, func(b madeBackup) bool { return slices.Contains(old, b.ID) })
	})
	if err != nil {
		return nil, err
	}
	for _, id := range old {
		gone := filepath.Join(l.base(), id+".old"+part)
		if err := os.Rename(filepath.Join(l.base(), id), gone); err != nil { // one half removed never looks whole
			return removed, err
		}
		if err := os.RemoveAll(gone); err != nil {
			return removed, err
		}
		removed = append(removed, id)
	}
	return removed, l.pruneLog(oldest.FirstSegment)
}

func (l Line) pruneLog(first string) error {
	for _, dir := range []string{l.log(), l.digests()} {
		found, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, f := range found {
			if name, _, _ := strings.Cut(f.Name(), "."); isSegment(name) && name < first {
				if err := os.Remove(filepath.Join(dir, f.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
					return err
				}
			}
		}
	}
	return nil
}
