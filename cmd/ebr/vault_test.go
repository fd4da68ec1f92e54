package main_test

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"veribatch/internal/postgres"
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
	until(t, "the server knows that nobody can sign", func() bool { return s.figure(t, "ebr_sealer_away") == 1 })
	if s.figure(t, "ebr_checkpoint_refused") != 0 || s.figure(t, "ebr_checkpoint_leaves") != known {
		t.Error("a sealed Vault signs nothing and refuses nothing")
	}
	if told := s.said(); !strings.Contains(told, "Vault is sealed or not ready") {
		t.Errorf("the log of the server does not say why nothing is signed: %s", told)
	}
	v.Unseal()
	until(t, "Vault signs again", func() bool { return covered() && s.figure(t, "ebr_checkpoint_leaves") > known })
	until(t, "people can sign again", func() bool { return s.figure(t, "ebr_sealer_away") == 0 })
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

// The password of an existing database stands in Vault alone: the server reads it at its start, takes a changed one for new connections without a new start, goes on
// beside a sealed Vault, and writes it nowhere. Without Vault it does not start, and says why.
func TestDatabasePasswordInVault(t *testing.T) {
	t.Parallel()
	if os.Getenv("VERIBATCH_LONG") == "" {
		return // a Vault is built first
	}
	c, err := postgres.Start(t.Context(), postgres.Options{State: stateFolder(t)})
	check(t, err)
	t.Cleanup(func() { check(t, c.Stop(context.Background())) })
	if _, errs, code := ebr("migrate", "--database", c.DSN(postgres.Migrator)); code != 0 {
		t.Fatal(errs)
	}
	root, err := pgx.Connect(t.Context(), c.DSN(postgres.Superuser))
	check(t, err)
	t.Cleanup(func() { check(t, root.Close(context.Background())) })
	v := testvault.Start(t)
	v.Passwords("secret")
	put := func(word string) {
		v.Do("secret/data/veribatch-database", map[string]any{"data": map[string]any{"password": word}})
	}
	put(c.Secrets[postgres.App])
	role := v.Role("veribatch-server", testvault.Policy(t, "veribatch-database"), "1h", "2h")
	address, err := url.Parse(c.DSN(postgres.App))
	check(t, err)
	address.User = url.User("app")
	flags := []string{"--database", address.String(), "--vault-address", v.Address, "--vault-role-id-file", role.RoleIDFile, "--vault-secret-id-file", role.SecretIDFile,
		"--vault-statements-key", "", "--vault-database", "secret/veribatch-database"}
	s := serve(t, stateFolder(t), append(flags, "--metrics", "127.0.0.1:0")...)
	ready := func() bool { return status(t, s.metrics+"/readyz") == http.StatusOK } // it opens a connection of its own
	until(t, "the server is ready", ready)
	const another = "Another-word-of-the-database"
	_, err = root.Exec(t.Context(), "alter role app password '"+another+"'")
	check(t, err)
	until(t, "the former password opens no connection", func() bool { return !ready() })
	put(another)
	until(t, "the password is read anew", ready)
	v.Seal()
	_, err = root.Exec(t.Context(), `select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app' and pid not in (select pid from pg_locks where locktype = 'advisory')`)
	check(t, err)
	time.Sleep(3 * time.Second) // health is remembered for 2 s, and a connection used within 1 s is not looked at before it is used
	until(t, "connections are opened anew beside a sealed Vault", ready)
	makeFirst(t, s)
	told := s.said()
	check(t, s.Process.Signal(os.Interrupt))
	check(t, s.wait(t))
	out, errs, code := ebr(append([]string{"serve", "--state", stateFolder(t), "--listen", "127.0.0.1:0"}, flags...)...)
	if code != 1 || !strings.Contains(errs, "Vault is sealed") {
		t.Errorf("a start beside a sealed Vault: exit code %d: %s%s", code, out, errs)
	}
	var entered int
	check(t, root.QueryRow(t.Context(), `select count(*) from audit.entries where position($1 in convert_from(body, 'UTF8')) > 0 or position($2 in convert_from(body, 'UTF8')) > 0`,
		another, c.Secrets[postgres.App]).Scan(&entered))
	if entered != 0 || strings.Contains(told+errs, another) || strings.Contains(told+errs, c.Secrets[postgres.App]) {
		t.Error("the password stands in an entry or in the log")
	}
}

// status is the answer's HTTP status.
func status(t *testing.T, address string) int {
	t.Helper()
	answer, err := http.Get(address) //nolint:noctx // the server under test
	check(t, err)
	check(t, answer.Body.Close())
	return answer.StatusCode
}
