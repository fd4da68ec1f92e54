package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"veribatch/ebr/continuity"
	"veribatch/internal/postgres"
)

// forged changes a record past the system; the trail of the plant does not know it.
var forged = []string{
	`alter table ebr.people disable trigger all`,
	`update ebr.people set full_name = 'Olga Brand' where user_name = 'olga'`,
	`alter table ebr.people enable trigger all`,
}

// unforged takes the forgery back.
var unforged = []string{
	`alter table ebr.people disable trigger all`,
	`update ebr.people set full_name = 'Olga Brandt' where user_name = 'olga'`,
	`alter table ebr.people enable trigger all`,
	`do $$ declare t name; begin
		for t in select tgname from pg_catalog.pg_trigger where tgrelid = 'ebr.people'::regclass and not tgisinternal loop
			execute format('alter table ebr.people enable always trigger %I', t);
		end loop;
	end $$`,
}

// A drill of the demo plant prints records of the copy and of the plant and compares them byte for byte; the running server files how it
// ended. A damaged backup fails the drill: a record, an incident, an alarm.
func TestDrill(t *testing.T) {
	t.Parallel()
	if os.Getenv("VERIBATCH_LONG") == "" {
		return // a demo plant and four drills take long
	}
	s := newSafe(t)
	server := serve(t, s.state, "--demo", "--backup-to", s.second, "--backup-passphrase-file", s.passphrase)
	s.await("the first backup and the archive", func() bool { return len(s.backups()) == 1 && s.caughtUp() })
	drill := func() (out, errs string, code int) {
		return ebr("drill", "--state", s.state, "--from", s.second, "--passphrase-file", s.passphrase)
	}
	out, errs, code := drill()
	if code != 0 || !strings.Contains(out, "Drill passed") || strings.Contains(out, "and 0 batch records") {
		t.Fatalf("drill: exit code %d: %s%s", code, out, errs)
	}
	t.Log(strings.TrimSpace(out))
	s.await("the server files the drill", func() bool { return s.standing().Drill != nil })

	s.signalSender(syscall.SIGSTOP) // the forgery stays in the first place
	s.super(forged...)
	_, errs, code = drill()
	s.signalSender(syscall.SIGCONT)
	if code != 1 || !strings.Contains(errs, "is printed from the copy otherwise than from the plant") {
		t.Errorf("a forged plant: exit code %d: %s", code, errs)
	}
	s.await("the failed drill is filed", func() bool { return s.failed(continuity.Drill, "disagreements") })

	table := mustGlob(t, filepath.Join(s.second, "veribatch", "*", "base", "*", "data", "global", "pg_filenode.map"))[0]
	raw, err := os.ReadFile(table)
	check(t, err)
	check(t, os.WriteFile(table, flip(raw), 0o600))
	out, errs, code = drill()
	if code != 1 || strings.Count(out+errs, "pg_filenode.map") != 1 { // said, and said once
		t.Errorf("a damaged backup: exit code %d: %s%s", code, out, errs)
	}
	s.await("the failed drill is filed", func() bool { return s.failed(continuity.Drill, "pg_filenode.map") && s.incident("pg_filenode.map") })
	if !s.alarm("The last drill of the restore failed") {
		t.Errorf("no alarm: %+v", s.standing().Alarms)
	}
	server.interrupt(t, s.state)

	again := serve(t, s.state, "--backup-to", s.second, "--backup-passphrase-file", s.passphrase, "--drill-every", "1s") // held by the server itself
	s.await("the server's own drill fails and is filed", func() bool { return s.drills("failed", "pg_filenode.map") == 2 })
	if !strings.Contains(again.said(), "job=restore_drill") {
		t.Errorf("the log does not tell which job failed: %s", again.said())
	}
	again.interrupt(t, s.state)

	alone := serve(t, s.state) // no second place: what commands beside it have done is filed all the same
	s.super(unforged...)
	out, errs, code = ebr("backup", "--state", s.state, "--to", s.second, "--passphrase-file", s.passphrase)
	if code != 0 {
		t.Fatalf("backup: exit code %d: %s%s", code, out, errs)
	}
	if out, errs, code = drill(); code != 0 {
		t.Fatalf("drill of a new backup: exit code %d: %s%s", code, out, errs)
	}
	s.await("a server without a second place files the drill", func() bool { return s.drills("good", "Drill passed") == 2 })
	if s.alarm("drill") {
		t.Errorf("the alarm about the drill stays: %+v", s.standing().Alarms)
	}
	alone.interrupt(t, s.state)
}

// drills counts those that ended so.
func (s *safe) drills(state, words string) (n int) {
	s.t.Helper()
	for _, r := range s.standing().Runs {
		if r.Kind == continuity.Drill && r.State == state && strings.Contains(r.Result, words) {
			n++
		}
	}
	return n
}

// signalSender stops or continues the process of PostgreSQL that sends the log to the second place.
func (s *safe) signalSender(signal syscall.Signal) {
	s.t.Helper()
	a, err := postgres.Attach(s.state)
	check(s.t, err)
	conn, err := pgx.Connect(s.t.Context(), a.DSN(postgres.Superuser))
	check(s.t, err)
	defer conn.Close(s.t.Context())
	var pid int
	check(s.t, conn.QueryRow(s.t.Context(), `select pid from pg_catalog.pg_stat_replication where application_name like '%receivewal%'`).Scan(&pid))
	check(s.t, syscall.Kill(pid, signal))
}
