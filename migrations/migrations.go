// Package migrations owns the schema: the numbered SQL files in order, never edited after release, the roles, the list of grants
// that QA reads (grants.csv), and the runner that applies files and keeps their digests. It owns no rule about records; the
// functions in the files do. Start reading at Up and Check, then 00001_spine.sql.
package migrations

import (
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/pressly/goose/v3"
)

//go:embed *.sql
var embedded embed.FS

// Roles is the text of roles.sql: what a superuser runs once in the database (and the private cluster at every start).
func Roles() string {
	text, err := embedded.ReadFile("roles.sql")
	if err != nil {
		panic(err) // embedded at build time: it cannot be missing
	}
	return string(text)
}

// Digest identifies the whole schema: SHA-256 over roles and all migration files. Two programs with equal digests make equal databases.
func Digest() string {
	sum := sha256.New()
	list, err := files(embedded)
	if err != nil {
		panic(err) // the files are part of the program and were read by its tests
	}
	fmt.Fprintf(sum, "roles.sql %x\n", sha256.Sum256([]byte(Roles())))
	for _, f := range list {
		fmt.Fprintf(sum, "%s %s\n", f.Name, f.SHA256)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// file is one migration: its number, its name and the digest of its bytes.
type file struct {
	Version int64
	Name    string
	SHA256  string
}

// files lists the migrations of a folder in order. A migration is one transaction, so that its text, its effect and its row in
// audit.migrations appear together; a file that asks for none is refused.
func files(folder fs.FS) ([]file, error) {
	names, err := fs.Glob(folder, "*.sql")
	if err != nil {
		return nil, err
	}
	var list []file
	for _, name := range names {
		if name == "roles.sql" {
			continue
		}
		version, err := goose.NumericComponent(name)
		if err != nil {
			return nil, fmt.Errorf("migration %s: the name must begin with a number, as 00001_spine.sql does: %w", name, err)
		}
		text, err := fs.ReadFile(folder, name)
		if err != nil {
			return nil, err
		}
		if strings.Contains(strings.ToUpper(string(text)), "+GOOSE NO TRANSACTION") {
			return nil, fmt.Errorf("migration %s: must run in a transaction", name)
		}
		sum := sha256.Sum256(text)
		list = append(list, file{version, name, hex.EncodeToString(sum[:])})
	}
	slices.SortFunc(list, func(a, b file) int { return cmp.Compare(a.Version, b.Version) })
	return list, nil
}
