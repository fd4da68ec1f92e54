package postgres

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"veribatch/internal/fault"
)

// Role is a database role with a log-in of its own.
type Role string

// The roles of a private cluster; migrations/roles.sql says what each may do.
const (
	Superuser Role = "postgres"     // used by Start to set up roles, and by nobody after that
	Migrator  Role = "ebr_migrator" // `ebr migrate`
	App       Role = "app"          // the server
	Backup    Role = "ebr_backup"   // base backups and the stream of the write-ahead log; changes nothing
)

var secretFiles = map[Role]string{Superuser: "superuser.secret", Migrator: "migrator.secret", App: "app.secret", Backup: "backup.secret"}

// Access is how a cluster is reached: the socket directory, the database and a password per role. It marshals to JSON so that
// one cluster can serve several processes of a test run.
type Access struct {
	Socket   string          `json:"socket"`
	Database string          `json:"database"`
	Secrets  map[Role]string `json:"secrets"`

	programs string // folder of the installation that runs the cluster
}

// DSN is the connection string of a role, password included: pass it through the environment, never on a command line.
func (a Access) DSN(role Role) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(string(role), a.Secrets[role]), Path: "/" + a.Database}
	u.RawQuery = url.Values{"host": {a.Socket}, "port": {"5432"}, "sslmode": {"disable"}}.Encode()
	return u.String()
}

// In is the same access to another database of the cluster.
func (a Access) In(database string) Access {
	a.Database = database
	return a
}

// loadAccess reads the secrets of a state folder and mints those that are missing: 256 random bits each, readable by their owner only.
func loadAccess(dir string) (Access, error) {
	a := Access{Database: Database, Secrets: map[Role]string{}}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return a, err
	}
	for role, name := range secretFiles {
		secret, err := secretIn(filepath.Join(dir, name))
		if err != nil {
			return a, fault.New(fault.NotReady, "The secret %s cannot be read or made. Check that the state folder belongs to the user who runs ebr.",
				filepath.Join(dir, name)).Because(err)
		}
		a.Secrets[role] = secret
	}
	return a, nil
}

func secretIn(path string) (string, error) {
	old, err := os.ReadFile(path)
	if err == nil && len(strings.TrimSpace(string(old))) == 64 {
		return strings.TrimSpace(string(old)), nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	raw := make([]byte, 32)
	if _, err := rand.Read(raw); err != nil {
		return "", err
	}
	secret := hex.EncodeToString(raw)
	return secret, writeWhole(path, secret+"\n", 0o600)
}

// writeWhole writes a small file so that after a crash it is there whole or not at all.
func writeWhole(path, text string, mode fs.FileMode) error {
	part := path + ".part"
	f, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(part, path)
}
