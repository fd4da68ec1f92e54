package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"veribatch/internal/testvault"
)

// A Vault that holds the key of the signer and is sealed while people work stops checkpoints alone: entries go on, the log of the server says why nothing is signed, and
// unsealed it signs what came meanwhile, without a restart of anything. A rotated key changes nothing for the signer that began before.
func TestVaultSealedWhilePeopleWork(t *testing.T) {
	t.Parallel()
	if os.Getenv("VERIBATCH_LONG") == "" {
		return // a Vault is built, and the 30 s without a checkpoint alone take long
	}
	v := testvault.Start(t)
	v.Do("transit/keys/veribatch-checkpoint", map[string]any{"type": "ed25519"})
	role := v.Role("veribatch-signer", testvault.Policy(t, "veribatch-signer"), "1h", "2h")
	root := stateFolder(t)
	state, folder, socket := filepath.Join(root, "state"), filepath.Join(root, "signer"), filepath.Join(root, "socket")
	kill := signs(t, folder, socket, "--vault-address", v.Address, "--vault-role-id-file", role.RoleIDFile, "--vault-secret-id-file", role.SecretIDFile)
	v.Do("transit/keys/veribatch-statements", map[string]any{"type": "ed25519"})
	own := v.Role("veribatch-server", testvault.Policy(t, "veribatch-server"), "1h", "2h")
	start := func() *server {
		return serve(t, state, "--signer", socket, "--metrics", "127.0.0.1:0", "--vault-address", v.Address, "--vault-role-id-file", own.RoleIDFile, "--vault-secret-id-file", own.SecretIDFile)
	}
	s := start()
	covered := func() bool {
		return s.figure(t, "ebr_checkpoint_leaves") > 0 && s.figure(t, "ebr_checkpoint_age_seconds") == 0
	}
	until(t, "everything is signed", covered)
	known := s.figure(t, "ebr_checkpoint_leaves")
	v.Seal()
	makeFirst(t, s) // work goes on
	until(t, "what is not signed becomes old", func() bool { return s.figure(t, "ebr_checkpoint_age_seconds") > 30 })
	if s.figure(t, "ebr_checkpoint_refused") != 0 || s.figure(t, "ebr_checkpoint_leaves") != known {
		t.Error("a sealed Vault signs nothing and refuses nothing")
	}
	if told := s.said(); !strings.Contains(told, "Vault is sealed or not ready") {
		t.Errorf("the log of the server does not say why nothing is signed: %s", told)
	}
	v.Unseal()
	until(t, "Vault signs again", func() bool { return covered() && s.figure(t, "ebr_checkpoint_leaves") > known })
	v.Do("transit/keys/veribatch-checkpoint/rotate", nil)
	s.interrupt(t, state)
	verifies(t, state)
	s = start()
	until(t, "the version it began with signs", func() bool { return covered() && s.figure(t, "ebr_checkpoint_leaves") > known })
	s.interrupt(t, state)
	verifies(t, state)
	kill()
	held, err := os.ReadFile(filepath.Join(folder, "checkpoint.key"))
	check(t, err)
	if strings.Contains(string(held), "PRIVATE") {
		t.Error("the folder of the signer holds a private key")
	}
}
