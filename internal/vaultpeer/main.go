// Command vaultpeer is a HashiCorp Vault core in memory for tests, built from Vault's own module with transit, KV 2 and AppRole, and unsealed. It is a module of
// its own, so that the program depends on none of it, and it sets nothing up: that is internal/testvault's. It prints address, root token and unseal key as
// one line of JSON and ends with its standard input. Start reading at run.
package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	log "github.com/hashicorp/go-hclog"
	kv "github.com/hashicorp/vault-plugin-secrets-kv"
	"github.com/hashicorp/vault/builtin/credential/approle"
	"github.com/hashicorp/vault/builtin/logical/transit"
	vaulthttp "github.com/hashicorp/vault/http"
	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/sdk/physical/inmem"
	"github.com/hashicorp/vault/vault"
)

// none is a registry that knows no plugin: the backends are compiled in.
type none struct{}

func (none) Contains(string, consts.PluginType) bool { return false }
func (none) Get(string, consts.PluginType) (func() (interface{}, error), bool) {
	return nil, false
}
func (none) Keys(consts.PluginType) []string { return nil }
func (none) DeprecationStatus(string, consts.PluginType) (consts.DeprecationStatus, bool) {
	return consts.Unknown, false
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "vaultpeer:", err)
		os.Exit(1)
	}
}

func run() error {
	logger := log.NewNullLogger()
	storage, err := inmem.NewInmem(nil, logger)
	if err != nil {
		return err
	}
	core, err := vault.NewCore(&vault.CoreConfig{
		Physical: storage, Logger: logger, DisableMlock: true, BuiltinRegistry: none{},
		LogicalBackends:    map[string]logical.Factory{"transit": transit.Factory, "kv": kv.Factory},
		CredentialBackends: map[string]logical.Factory{"approle": approle.Factory},
	})
	if err != nil {
		return err
	}
	ctx := context.Background()
	made, err := core.Initialize(ctx, &vault.InitParams{
		BarrierConfig: &vault.SealConfig{SecretShares: 1, SecretThreshold: 1}, RecoveryConfig: &vault.SealConfig{},
	})
	if err != nil {
		return err
	}
	if open, err := core.Unseal(made.SecretShares[0]); err != nil || !open {
		return errors.Join(errors.New("not unsealed"), err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: vaulthttp.Handler.Handler(&vault.HandlerProperties{Core: core}), ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(l) }()
	err = json.NewEncoder(os.Stdout).Encode(map[string]string{
		"address": "http://" + l.Addr().String(), "root": made.RootToken, "unseal": hex.EncodeToString(made.SecretShares[0]),
	})
	_, _ = io.Copy(io.Discard, os.Stdin)
	return err
}
