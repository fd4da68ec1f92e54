package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"veribatch/audit/checkpoint"
	"veribatch/audit/checkpoint/remote"
	"veribatch/internal/fault"
	"veribatch/signatures"
	"veribatch/signatures/keyring"
)

// signerCmd is the signer of checkpoints in a process of its own: whoever holds server and database does not hold its key and its memory.
type signerCmd struct {
	State     string `default:"./signer" placeholder:"FOLDER" help:"Folder of the key and the memory, which no backup and no other program touches (${default})."`
	Listen    string `default:"./signer.sock" placeholder:"ADDRESS" help:"Path of a Unix socket, or a loopback host:port (${default})."`
	TokenFile string `placeholder:"FILE" help:"File whose first line is a token that the server must give; needed on a port."`
	SiteKey   string `placeholder:"KEY" help:"Public key of the site as the page Log and checkpoints shows it. With it the signer believes quality assurance that has the log continued after a restore; without it never."`

	vaultFlags
	VaultKey string `default:"transit/veribatch-checkpoint" placeholder:"MOUNT/NAME" help:"Key of its transit engine, of type ed25519 (${default})."`
}

// vaultFlags say where a key is that never leaves a vault, and who may use it.
type vaultFlags struct {
	VaultAddress      string `placeholder:"URL" help:"HashiCorp Vault that holds the key: https://HOST:PORT. Without it the key is a file in the folder."`
	VaultRoleIDFile   string `name:"vault-role-id-file" placeholder:"FILE" help:"File whose first line is the role id for AppRole."`
	VaultSecretIDFile string `name:"vault-secret-id-file" placeholder:"FILE" help:"File whose first line is the secret id, read at each login."`
}

func (f vaultFlags) settings(key string) keyring.VaultSettings {
	return keyring.VaultSettings{Address: f.VaultAddress, Key: key, RoleIDFile: f.VaultRoleIDFile, SecretIDFile: f.VaultSecretIDFile}
}

// key gives the key of the folder.
func (s *signerCmd) key(folder string) (checkpoint.Key, error) {
	if s.VaultAddress == "" {
		return signerKey(folder)
	}
	return keyring.OpenVault(folder, s.settings(s.VaultKey), time.Now)
}

// Run answers until it is interrupted.
func (s *signerCmd) Run(ctx context.Context, o output) (err error) {
	token, err := firstLine(s.TokenFile)
	if err != nil {
		return err
	}
	signer, err := checkpoint.Open(s.State, s.key, time.Now)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, signer.Close()) }()
	if s.SiteKey != "" {
		site, err := base64.StdEncoding.DecodeString(s.SiteKey)
		if err != nil || len(site) != checkpoint.PublicKeySize {
			return fault.New(fault.Invalid, "--site-key is no public key: it has 44 characters and ends with =.")
		}
		signer.Continues = signatures.Continues(site)
	}
	l, err := s.listen(token)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: remote.Handler(signer, token), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 20 * time.Second, MaxHeaderBytes: 16 << 10}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	public, err := signer.Key(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(o.out, "The signer is ready: %s, key %s\n", l.Addr(), base64.StdEncoding.EncodeToString(public))
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// listen opens the address. A socket is for its owner alone; what goes over a port is not encrypted and so stays on this machine.
func (s *signerCmd) listen(token string) (net.Listener, error) {
	if strings.HasPrefix(s.Listen, "/") || strings.HasPrefix(s.Listen, ".") {
		if info, err := os.Lstat(s.Listen); err == nil && info.Mode().Type() == os.ModeSocket {
			if err := os.Remove(s.Listen); err != nil { // the folder's lock says that no other signer is behind it
				return nil, err
			}
		}
		l, err := net.Listen("unix", s.Listen)
		if err != nil {
			return nil, err
		}
		return l, os.Chmod(s.Listen, 0o600)
	}
	host, _, err := net.SplitHostPort(s.Listen)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return nil, fault.New(fault.Invalid, "--listen is the path of a socket, or an address on this machine such as 127.0.0.1:9465. From another machine come through a tunnel.")
	}
	if token == "" {
		return nil, fault.New(fault.Invalid, "On a port everybody on this machine may ask: name a token with --token-file.")
	}
	return net.Listen("tcp", s.Listen)
}
