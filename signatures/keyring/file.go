// Package keyring keeps the site key, the Ed25519 key with which this site signs manifests, in a file, and the key of its signer of checkpoints in a file or in
// HashiCorp Vault.
// It decides nothing about people or meanings, and it does not keep public keys: those are the record table ebr.signing_keys.
// Start reading at Open, then Sign and Verify.
package keyring

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"veribatch/internal/fault"
)

// The names of the keys inside their folders: that of the site, and that of the signer of checkpoints, which has a folder of its own.
const (
	fileName       = "site.key"
	checkpointName = "checkpoint.key"
)

// Public is the public half of a site key.
type Public = ed25519.PublicKey

// File is the site key read from a file. It is safe for use by several goroutines.
type File struct {
	path    string
	private ed25519.PrivateKey
	public  ed25519.PublicKey
	id      string
}

// Open reads the site key from the folder, and makes folder and key at first use. The folder is for its owner only (0700), the file too
// (0600). A key that others can read, that is a link, or that belongs to another user is refused: whoever could copy it could sign as this
// site (21 CFR 11.70).
func Open(dir string) (*File, error) { return openNamed(dir, fileName) }

// OpenCheckpoint reads the key of the signer of checkpoints, and makes it at first use, as Open does. It signs nothing else.
func OpenCheckpoint(dir string) (Raw, error) {
	file, err := openNamed(dir, checkpointName)
	return Raw{file}, err
}

// Raw is a key that signs exactly the bytes it is given, as formats of others demand.
type Raw struct{ file *File }

// ID names the key: see KeyID.
func (r Raw) ID() string { return r.file.id }

// Public gives a copy of the public key.
func (r Raw) Public() ed25519.PublicKey { return r.file.Public() }

// SignRaw signs the message alone.
func (r Raw) SignRaw(message []byte) ([]byte, error) {
	return ed25519.Sign(r.file.private, message), nil
}

func openNamed(dir, name string) (*File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the key %s: %w", name, err)
	}
	path := filepath.Join(dir, name)
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		if err := create(dir, path); err != nil {
			return nil, fmt.Errorf("make the key %s: %w", path, err)
		}
	}
	return existing(path)
}

// Existing reads the site key from the folder and makes none: for checks beside a server. The error is fs.ErrNotExist where there is no key.
func Existing(dir string) (*File, error) { return existing(filepath.Join(dir, fileName)) }

func existing(path string) (*File, error) {
	private, err := read(path)
	if err != nil {
		return nil, err
	}
	public := private.Public().(ed25519.PublicKey)
	return &File{path: path, private: private, public: public, id: KeyID(public)}, nil
}

// Kept says what is wrong with the file of the key now: gone, another key, or open to others. A server that goes on signing then would sign with a key
// that its next start does not have.
func (f *File) Kept() error {
	private, err := read(f.path)
	if err == nil && !private.Equal(f.private) {
		err = fault.New(fault.Refused, "The site key %s was replaced under the running server.", f.path)
	}
	return err
}

// Public gives a copy of the public key, the half that is recorded and handed out.
func (f *File) Public() ed25519.PublicKey {
	return append(ed25519.PublicKey(nil), f.public...)
}

// ID names the key: see KeyID.
func (f *File) ID() string { return f.id }

// Sign signs a message for one purpose ("manifest", "checkpoint"). A signature made for one purpose never verifies for another.
func (f *File) Sign(purpose string, message []byte) []byte {
	return ed25519.Sign(f.private, framed(purpose, message))
}

// Seal is Sign for callers that may as well have a key in a vault, which can be away.
func (f *File) Seal(_ context.Context, purpose string, message []byte) ([]byte, error) {
	return f.Sign(purpose, message), nil
}

// Verify says whether the signature was made over this message, for this purpose, by the owner of the public key.
func Verify(public ed25519.PublicKey, purpose string, message, signature []byte) bool {
	return len(public) == ed25519.PublicKeySize && ed25519.Verify(public, framed(purpose, message), signature)
}

// KeyID is the lower-case hex of the first 16 bytes of the SHA-256 of the public key: short enough to print, long enough that nobody
// finds a second key with the same name.
func KeyID(public ed25519.PublicKey) string {
	sum := sha256.Sum256(public)
	return hex.EncodeToString(sum[:16])
}

// framed puts the purpose before the message. The purpose holds no zero byte, so no two pairs give the same bytes.
func framed(purpose string, message []byte) []byte {
	framed := make([]byte, 0, len("veribatch")+len(purpose)+len(message)+2)
	framed = append(framed, "veribatch\x00"...)
	framed = append(framed, purpose...)
	framed = append(framed, 0)
	return append(framed, message...)
}

// create makes a new key and places it.
func create(dir, path string) error {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return err
	}
	return place(dir, path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// place writes a file beside its place and moves it there whole: a crash leaves either none or a good one. The move is a hard link,
// which, other than a rename, refuses to replace a key that another process made in the meantime.
func place(dir, path string, content []byte) error {
	tmp, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*") // 0600 by contract of CreateTemp
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	if err := writeAndSync(tmp, content); err != nil {
		return err
	}
	if err := os.Link(tmp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = folder.Close() }()
	return folder.Sync()
}

func writeAndSync(file *os.File, content []byte) error {
	_, err := file.Write(content)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

func read(path string) (ed25519.PrivateKey, error) {
	content, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return parse(path, content)
}

// readFile opens the key without following a link and judges the opened file itself (not the name, which could change meanwhile).
func readFile(path string) ([]byte, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, fmt.Errorf("open the site key: %w", err)
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("look at the site key: %w", err)
	}
	if err := judge(path, info); err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(file, 4096))
	if err != nil {
		return nil, broken(path).Because(err)
	}
	return content, nil
}

func judge(path string, info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return fault.New(fault.Refused, "The site key %s is not a plain file.", path)
	}
	if perm := info.Mode().Perm(); perm&0o177 != 0 {
		return fault.New(fault.Refused,
			"The site key %s has permissions %04o; others may have copied it. Find out who could read it, then set 0600 or replace the key.", path, perm)
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && int(stat.Uid) != os.Geteuid() {
		return fault.New(fault.Refused, "The site key %s belongs to user %d, and the server runs as user %d.", path, stat.Uid, os.Geteuid())
	}
	return nil
}

func parse(path string, content []byte) (ed25519.PrivateKey, error) {
	block, rest := pem.Decode(content)
	if block == nil || block.Type != "PRIVATE KEY" || len(rest) != 0 {
		return nil, broken(path)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, broken(path).Because(err)
	}
	private, ok := key.(ed25519.PrivateKey)
	if !ok {
		return nil, broken(path)
	}
	return private, nil
}

func broken(path string) *fault.Error {
	return fault.New(fault.Refused, "The site key %s is damaged. Bring it back from the backup: without it this site cannot sign.", path)
}
