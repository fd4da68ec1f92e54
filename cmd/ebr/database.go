package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/audit/merkle"
	"veribatch/internal/fault"
	"veribatch/internal/postgres"
	"veribatch/migrations"
	"veribatch/signatures/keyring"
)

// database is an open database: the connection string of role app, and how to let go of it.
type database struct {
	app      string
	password password         // of role app, when it stands in Vault; nil when the connection string has it
	migrator string           // "" when an existing database was named: its migrations are run by hand
	cluster  *postgres.Access // the private PostgreSQL; nil for an existing database
	exited   <-chan struct{}  // closed when a private PostgreSQL has ended; nil for an existing database
	close    func() error
}

// password gives the password for a new connection.
type password func(context.Context) (string, error)

// connect opens a connection as role app beside those of the trail.
func connect(ctx context.Context, dsn string, p password) (*pgx.Conn, error) {
	cfg, err := pgx.ParseConfig(dsn)
	if err == nil && p != nil {
		cfg.Password, err = p(ctx)
	}
	if err != nil {
		return nil, err
	}
	return pgx.ConnectConfig(ctx, cfg)
}

// open opens the database of the place, with the password that stands in Vault when there is one.
func (s *serveCmd) open(ctx context.Context, say func(string)) (database, error) {
	if s.VaultDatabase == "" {
		return s.place.open(ctx, say)
	}
	if s.VaultAddress == "" || s.Database == "" {
		return database{}, fault.New(fault.Invalid, "--vault-database goes with --vault-address and with --database: it is the password of an existing database.")
	}
	kept, err := keyring.OpenVaultPassword(s.settings(s.VaultDatabase), time.Now)
	if err != nil {
		return database{}, err
	}
	if _, err := kept.Password(ctx); err != nil {
		return database{}, err
	}
	db, err := s.place.open(ctx, say)
	db.password = kept.Password
	return db, err
}

// open starts the private PostgreSQL, or takes the database that was named.
func (p place) open(ctx context.Context, say func(string)) (database, error) {
	if p.Database != "" {
		return database{app: p.Database, close: func() error { return nil }}, nil
	}
	c, err := postgres.Start(ctx, postgres.Options{State: p.State, Progress: say})
	if err != nil {
		return database{}, err
	}
	return database{app: c.DSN(postgres.App), migrator: c.DSN(postgres.Migrator), cluster: &c.Access, exited: c.Exited(), close: func() error {
		limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		return c.Stop(limit)
	}}, nil
}

// ready refuses a database that may lose records or has not the schema of this program; a private one is migrated first.
func (d database) ready(ctx context.Context, say func(string)) error {
	conn, err := connect(ctx, d.app, d.password)
	if err != nil {
		return fault.New(fault.NotReady, "The server cannot log in to the database as role app. Check the connection string.").Because(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if err := postgres.CheckDurability(ctx, conn); err != nil {
		return err
	}
	err = migrations.Check(ctx, conn)
	if err == nil || d.migrator == "" {
		return err
	}
	if err := runMigrate(ctx, d.migrator, say); err != nil {
		return err
	}
	return migrations.Check(ctx, conn)
}

// runMigrate runs `ebr migrate` as a process of its own: the secret of the migrator does not stay in the server. It travels
// in the environment, because everybody may read command lines.
func runMigrate(ctx context.Context, dsn string, say func(string)) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, self, "migrate")
	cmd.Env = append(os.Environ(), migratorVariable+"="+dsn)
	cmd.Stderr, cmd.Stdout = lines(say), lines(say)
	if err := cmd.Run(); err != nil {
		return fault.New(fault.NotReady, "The database could not be brought to the schema of this version; the lines above say why. The server does not start.")
	}
	return nil
}

// lines hands the output of a process on, as it comes.
type lines func(string)

// Write passes complete output lines on; processes of ours write whole lines.
func (l lines) Write(p []byte) (int, error) {
	text := string(p)
	if n := len(text); n > 0 && text[n-1] == '\n' {
		text = text[:n-1]
	}
	l(text)
	return len(p), nil
}

// whole refuses a folder in which a restore did not come to its end.
func (p place) whole() error {
	if p.Database == "" && postgres.Interrupted(p.State) {
		return fault.New(fault.NotReady, "The restore into %s did not come to its end. Run the same ebr restore again: it takes away what is there and begins anew.", p.State)
	}
	return nil
}

// attach gives the database for reading: the running one of the state folder, or the private PostgreSQL started for the purpose.
func (p place) attach(ctx context.Context, say func(string)) (database, error) {
	if p.Database != "" {
		return p.open(ctx, say)
	}
	if err := p.whole(); err != nil {
		return database{}, err
	}
	if _, err := os.Stat(filepath.Join(p.State, "place")); err != nil {
		return database{}, fault.New(fault.Missing, "The state folder %s holds no database. Name the right one with --state.", p.State)
	}
	d, err := p.open(ctx, say)
	if fault.KindOf(err) != fault.Busy {
		return d, err
	}
	a, err := postgres.Attach(p.State)
	return database{app: a.DSN(postgres.App), cluster: &a, close: func() error { return nil }}, err
}

// openTrail opens the trail of a plant; a database of invented entries is refused.
func openTrail(ctx context.Context, d database) (*audit.Trail, error) {
	trail, err := audit.OpenWith(ctx, d.app, d.password)
	if err != nil {
		return nil, err
	}
	if err := trail.Read(ctx, func(r *audit.Reader) error { return merkle.Genuine(ctx, r) }); err != nil {
		trail.Close()
		return nil, err
	}
	return trail, nil
}
