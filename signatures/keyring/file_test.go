package keyring

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"veribatch/internal/fault"
)

func TestOpenMakesOneKeyAndKeepsIt(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	first, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if first.ID() != again.ID() || !bytes.Equal(first.Public(), again.Public()) {
		t.Fatal("the second start has another key")
	}
	info, err := os.Stat(filepath.Join(dir, fileName))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("key file: %v, %v", info.Mode(), err)
	}
	names, err := os.ReadDir(dir)
	if err != nil || len(names) != 1 {
		t.Fatalf("left behind: %v, %v", names, err)
	}
	if len(first.ID()) != 32 || KeyID(first.Public()) != first.ID() {
		t.Fatalf("key id %q", first.ID())
	}
}

// Two servers started at once on one folder must agree on the key, or one of them signs with a key nobody has.
func TestOpenByManyAtOnceGivesOneKey(t *testing.T) {
	dir := t.TempDir()
	ids := make([]string, 16)
	var wait sync.WaitGroup
	for i := range ids {
		wait.Go(func() {
			key, err := Open(dir)
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = key.ID()
		})
	}
	wait.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Fatalf("several keys: %v", ids)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	cases := map[string]func(t *testing.T, path string){
		"readable by the group": func(t *testing.T, path string) { must(t, os.Chmod(path, 0o640)) },
		"readable by all":       func(t *testing.T, path string) { must(t, os.Chmod(path, 0o604)) },
		"executable":            func(t *testing.T, path string) { must(t, os.Chmod(path, 0o700)) },
		"empty":                 func(t *testing.T, path string) { must(t, os.Truncate(path, 0)) },
		"cut":                   func(t *testing.T, path string) { must(t, os.Truncate(path, 60)) },
		"something else":        func(t *testing.T, path string) { must(t, os.WriteFile(path, []byte("hello"), 0o600)) },
		"a folder": func(t *testing.T, path string) {
			must(t, os.Remove(path))
			must(t, os.Mkdir(path, 0o700))
		},
		"a link": func(t *testing.T, path string) {
			must(t, os.Rename(path, path+".real"))
			must(t, os.Symlink(path+".real", path))
		},
		"a key of another kind": func(t *testing.T, path string) {
			curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			must(t, err)
			der, err := x509.MarshalPKCS8PrivateKey(curve)
			must(t, err)
			must(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
		},
	}
	for name, spoil := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if _, err := Open(dir); err != nil {
				t.Fatal(err)
			}
			spoil(t, filepath.Join(dir, fileName))
			key, err := Open(dir)
			if err == nil {
				t.Fatalf("opened key %s", key.ID())
			}
			if name != "a link" && fault.KindOf(err) != fault.Refused {
				t.Fatalf("kind %s: %v", fault.KindOf(err), err)
			}
		})
	}
}

func TestSignBindsPurposeMessageAndKey(t *testing.T) {
	ours, err := Open(t.TempDir())
	must(t, err)
	other, err := Open(t.TempDir())
	must(t, err)
	message := []byte("statement 1")
	signature := ours.Sign("manifest", message)

	if !Verify(ours.Public(), "manifest", message, signature) {
		t.Fatal("own signature refused")
	}
	refused := map[string]bool{
		"other key":      Verify(other.Public(), "manifest", message, signature),
		"other purpose":  Verify(ours.Public(), "checkpoint", message, signature),
		"other message":  Verify(ours.Public(), "manifest", []byte("statement 2"), signature),
		"moved boundary": Verify(ours.Public(), "manifeststatement", []byte(" 1"), signature),
		"cut signature":  Verify(ours.Public(), "manifest", message, signature[:63]),
		"no key":         Verify(nil, "manifest", message, signature),
	}
	for name, accepted := range refused {
		if accepted {
			t.Errorf("%s: accepted", name)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// The key of the signer of checkpoints is another one than that of the site, and signs the very bytes that it is given.
func TestKeyOfCheckpoints(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "signer")
	site, err := Open(dir)
	must(t, err)
	first, err := OpenCheckpoint(dir)
	must(t, err)
	again, err := OpenCheckpoint(dir)
	must(t, err)
	signature, err := again.SignRaw([]byte("text"))
	must(t, err)
	if first.ID() != again.ID() || first.ID() == site.ID() || !ed25519.Verify(first.Public(), []byte("text"), signature) {
		t.Fatal("the key of checkpoints is not kept, is that of the site, or signs something else")
	}
	must(t, os.Chmod(filepath.Join(dir, checkpointName), 0o640))
	if _, err := OpenCheckpoint(dir); err == nil {
		t.Fatal("a key that others can read is taken")
	}
}
