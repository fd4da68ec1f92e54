package keyring

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"veribatch/internal/fault"
)

// vaultPatience is how long one signature may take, logging in again included. A checkpoint takes two, and whoever asks a signer in another process waits 10 s;
// a person at the signing dialog waits for one.
const vaultPatience = 3 * time.Second

// Vault is a key that never leaves the transit engine of a HashiCorp Vault: that of the signer of checkpoints, or that with which signatures of people are
// sealed. Which version of which key it is, and its public half, stand in a file where a key would be: a version that Vault adds, or a key that takes the
// place of this one, changes nothing by itself.
type Vault struct {
	session *vaultSession
	key     string // mount of the engine, a slash, name of the key
	version int
	public  ed25519.PublicKey
	another string // how to come to another key, in words
}

// VaultSettings say where the key is and who asks for it.
type VaultSettings struct {
	Address      string // https; http on this machine alone
	Key          string // mount of the transit engine, a slash, name of the key
	RoleIDFile   string
	SecretIDFile string // read at each login, so that it can be replaced
}

// OpenVault takes up the key of the signer of checkpoints whose folder that is: at first use the newest version of the key in Vault, then always that version,
// and without asking Vault until something is to be signed. A key of which Vault could hand out the private half is refused.
func OpenVault(folder string, s VaultSettings, clock func() time.Time) (*Vault, error) {
	return openVault(folder, checkpointName, "A signer begins with another key in an empty folder, and QA has the log continued.", s, clock)
}

// statementsName is the file that says which key of Vault seals signatures of people.
const statementsName = "statements.key"

// OpenVaultStatements takes up the key with which signatures of people are sealed, as OpenVault does; folder is the one of the site key.
func OpenVaultStatements(folder string, s VaultSettings, clock func() time.Time) (*Vault, error) {
	return openVault(folder, statementsName, "To take another key, or its newest version, put that file aside and start the server again.", s, clock)
}

// SealsInVault gives the public half of the key that a server over this folder of keys used in Vault; nil when it used none.
func SealsInVault(folder string) (ed25519.PublicKey, error) {
	v := &Vault{}
	err := v.pinned(filepath.Join(folder, statementsName))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return v.public, err
}

func openVault(folder, file, another string, s VaultSettings, clock func() time.Time) (*Vault, error) {
	v, err := unpinned(s, clock)
	if err != nil {
		return nil, err
	}
	v.another = another
	path := filepath.Join(folder, file)
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		if err := v.newest(); err != nil {
			return nil, err
		}
		if err := v.pin(folder, path); err != nil {
			return nil, fmt.Errorf("write which key of Vault is used to %s: %w", path, err)
		}
	}
	if err := v.pinned(path); err != nil {
		return nil, err
	}
	if v.key != s.Key {
		return nil, fault.New(fault.Refused, "The file %s names the key %s of Vault, and not %s. %s", path, v.key, s.Key, another)
	}
	return v, nil
}

// unpinned is a key of which neither version nor public half are known yet.
func unpinned(s VaultSettings, clock func() time.Time) (*Vault, error) {
	if mount, name := splitKey(s.Key); !plainPath(mount) || !plainPath(name) || strings.Contains(name, "/") {
		return nil, fault.New(fault.Invalid, "Name the key in Vault by the mount of its transit engine and its own name, such as transit/veribatch-checkpoint.")
	}
	session, err := newVaultSession(s, clock)
	if err != nil {
		return nil, err
	}
	return &Vault{session: session, key: s.Key}, nil
}

// ID names the key: see KeyID.
func (v *Vault) ID() string { return KeyID(v.public) }

// Public gives a copy of the public key.
func (v *Vault) Public() ed25519.PublicKey { return slices.Clone(v.public) }

// SignRaw has Vault sign the message alone, and believes no signature that the key did not make.
func (v *Vault) SignRaw(message []byte) ([]byte, error) {
	return v.sign(context.Background(), message)
}

// Seal has Vault sign the message for a purpose, as File.Sign does. The error says what is the matter with Vault.
func (v *Vault) Seal(ctx context.Context, purpose string, message []byte) ([]byte, error) {
	return v.sign(ctx, framed(purpose, message))
}

func (v *Vault) sign(ctx context.Context, message []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, vaultPatience)
	defer cancel()
	mount, name := splitKey(v.key)
	data, err := v.session.ask(ctx, "sign with "+v.key, mount+"/sign/"+name, map[string]any{
		"input": base64.StdEncoding.EncodeToString(message), "key_version": v.version,
	})
	if err != nil {
		return nil, err
	}
	signature, err := readSignature(data, v.version)
	if err == nil && !ed25519.Verify(v.public, message, signature) {
		err = fmt.Errorf("version %d of the key %s in Vault is another key than the one that was taken up at first", v.version, v.key)
	}
	return signature, err
}

// readSignature reads the answer of Vault: "vault:v", version, ":", base64.
func readSignature(data json.RawMessage, version int) ([]byte, error) {
	var answer struct {
		Signature string `json:"signature"`
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return nil, errors.New("the answer of Vault is no signature")
	}
	encoded, ok := strings.CutPrefix(answer.Signature, fmt.Sprintf("vault:v%d:", version))
	signature, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if !ok || err != nil || len(signature) < ed25519.SignatureSize {
		return nil, errors.New("the answer of Vault is no signature of the version asked for")
	}
	return signature, nil
}

// newest asks Vault for the newest version of the key.
func (v *Vault) newest() error {
	ctx, cancel := context.WithTimeout(context.Background(), vaultPatience)
	defer cancel()
	mount, name := splitKey(v.key)
	data, err := v.session.ask(ctx, "read the key "+v.key, mount+"/keys/"+name, nil)
	if err == nil {
		v.version, v.public, err = readKey(data)
	}
	return err
}

// readKeyOf reads what Vault says about a key of some type: the newest version and its public half, as Vault writes it.
func readKeyOf(data json.RawMessage, kind string) (version int, public string, err error) {
	var key struct {
		Type       string `json:"type"`
		Exportable bool   `json:"exportable"`
		Plaintext  bool   `json:"allow_plaintext_backup"`
		Derived    bool   `json:"derived"`
		Latest     int    `json:"latest_version"`
		Keys       map[string]struct {
			Public string `json:"public_key"`
		} `json:"keys"`
	}
	err = json.Unmarshal(data, &key)
	switch {
	case err != nil:
		return 0, "", errors.New("the answer of Vault is no key")
	case key.Type != kind || key.Derived:
		return 0, "", fault.New(fault.Refused, "The key in Vault must be of type %s and not derived.", kind)
	case key.Exportable || key.Plaintext:
		return 0, "", fault.New(fault.Refused, "Vault would hand out the private half of this key. Make another one there, not exportable and without plaintext backup.")
	case key.Latest < 1:
		return 0, "", errNoPublicKey
	}
	return key.Latest, key.Keys[strconv.Itoa(key.Latest)].Public, nil
}

var errNoPublicKey = errors.New("the answer of Vault is no public key")

// readKey reads what Vault says about a key of statements or checkpoints.
func readKey(data json.RawMessage) (version int, public ed25519.PublicKey, err error) {
	version, text, err := readKeyOf(data, "ed25519")
	if err != nil {
		return 0, nil, err
	}
	public, err = base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(public) != ed25519.PublicKeySize {
		return 0, nil, errNoPublicKey
	}
	return version, public, nil
}

// The file that says which key of Vault is used holds its public half, and these beside it.
const (
	pinType    = "PUBLIC KEY"
	pinKey     = "Vault-Key"
	pinVersion = "Vault-Version"
)

func (v *Vault) pin(folder, path string) error {
	der, err := x509.MarshalPKIXPublicKey(v.public)
	if err != nil {
		return err
	}
	headers := map[string]string{pinKey: v.key, pinVersion: strconv.Itoa(v.version)}
	return place(folder, path, pem.EncodeToMemory(&pem.Block{Type: pinType, Headers: headers, Bytes: der}))
}

func (v *Vault) pinned(path string) error {
	content, err := readFile(path)
	if err != nil {
		return err
	}
	block, rest := pem.Decode(content)
	if block == nil || block.Type != pinType || len(rest) != 0 {
		return fault.New(fault.Refused, "The file %s names no key of Vault. %s", path, v.another)
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	public, ok := key.(ed25519.PublicKey)
	version, wrong := strconv.Atoi(block.Headers[pinVersion])
	if err != nil || !ok || wrong != nil || version < 1 {
		return broken(path)
	}
	v.version, v.public, v.key = version, public, block.Headers[pinKey]
	return nil
}

// splitKey splits mount and name: a mount may have slashes of its own.
func splitKey(key string) (mount, name string) {
	at := strings.LastIndex(key, "/")
	if at < 0 {
		return "", key
	}
	return key[:at], key[at+1:]
}

// plainPath says whether a part of an address in Vault stands for itself.
func plainPath(p string) bool {
	for part := range strings.SplitSeq(p, "/") {
		if part == "" || strings.Trim(part, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" {
			return false
		}
	}
	return true
}
