package keyring

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"veribatch/internal/fault"
)

const (
	burst    = time.Second      // connections opened together ask once
	knownFor = 30 * time.Second // how long a Vault that did not answer is not asked again
	brisk    = time.Second      // how long a connection waits for Vault when a password is known
)

// VaultPassword is the password of a database in the KV engine (version 2) of a HashiCorp Vault, field password. It stays in memory. While Vault is away the
// one that it gave last counts: connections are opened whenever people work, and these need no Vault.
type VaultPassword struct {
	session *vaultSession
	name    string // mount of the engine, a slash, name of the secret
	clock   func() time.Time

	mu   sync.Mutex // held while Vault is asked: who comes meanwhile takes that answer
	last string
	asks time.Time // until then the last one counts
}

// OpenVaultPassword asks nothing yet; Key of the settings is mount and name of the secret.
func OpenVaultPassword(s VaultSettings, clock func() time.Time) (*VaultPassword, error) {
	if mount, name := splitKey(s.Key); !plainPath(mount) || !plainPath(name) || strings.Contains(name, "/") {
		return nil, fault.New(fault.Invalid, "Name the password in Vault by the mount of its KV engine and its own name, such as secret/veribatch-database.")
	}
	session, err := newVaultSession(s, clock)
	return &VaultPassword{session: session, name: s.Key, clock: clock}, err
}

// Password gives the newest password: to be called for each connection. It is an error only when Vault never gave one.
func (p *VaultPassword) Password(ctx context.Context) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last != "" && p.clock().Before(p.asks) {
		return p.last, nil
	}
	patience := vaultPatience
	if p.last != "" {
		patience = brisk
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience) // a caller who gives up says nothing about Vault
	defer cancel()
	mount, name := splitKey(p.name)
	data, err := p.session.ask(ctx, "read the password of the database at "+p.name, mount+"/data/"+name, nil)
	var newest string
	if err == nil {
		newest, err = readPassword(data)
	}
	switch {
	case err == nil:
		p.last, p.asks = newest, p.clock().Add(burst)
	case p.last == "":
		return "", fmt.Errorf("the password of the database cannot be read: %w", err)
	default:
		p.asks = p.clock().Add(knownFor)
		slog.WarnContext(ctx, "the password of the database is the one that Vault gave last", "error", err)
	}
	return p.last, nil
}

// readPassword reads the answer of the KV engine. Nothing of it stands in an error.
func readPassword(data json.RawMessage) (string, error) {
	var answer struct {
		Data struct {
			Password string `json:"password"`
		} `json:"data"`
	}
	if json.Unmarshal(data, &answer) != nil || answer.Data.Password == "" || strings.ContainsRune(answer.Data.Password, 0) {
		return "", errors.New("the secret in Vault has no password: it needs a field password, in a KV engine of version 2")
	}
	return answer.Data.Password, nil
}
