package postgres

import (
	"cmp"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"veribatch/internal/fault"
)

// oldest is the first PostgreSQL major version with everything that the schema needs (rights on schema public, CREATE DATABASE strategies).
const oldest = 15

// programs is one installed PostgreSQL.
type programs struct {
	major            int
	initdb, postgres string
}

// folder is where the other programs of the installation stand; a link in PATH leads there.
func (p programs) folder() string {
	if real, err := filepath.EvalSymlinks(p.postgres); err == nil {
		return filepath.Dir(real)
	}
	return filepath.Dir(p.postgres)
}

var versionOutput = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

// findPrograms chooses the installation to use: the one that made the data directory, or the newest when there is none yet.
func findPrograms(data string) (programs, error) {
	all := installed()
	if raw, err := os.ReadFile(filepath.Join(data, "PG_VERSION")); err == nil {
		return matching(all, strings.TrimSpace(string(raw)), data)
	}
	if len(all) == 0 || all[0].major < oldest {
		return programs{}, fault.New(fault.NotReady, "PostgreSQL %d or newer is not installed (looked for initdb and postgres in PATH and in "+
			"/usr/lib/postgresql/*/bin). Install it (Debian: apt-get install postgresql), or name an existing database with --database.", oldest)
	}
	return all[0], nil
}

func matching(all []programs, want, data string) (programs, error) {
	var have []string
	for _, p := range all {
		if strconv.Itoa(p.major) == want {
			return p, nil
		}
		have = append(have, strconv.Itoa(p.major))
	}
	if have == nil {
		have = []string{"none"}
	}
	return programs{}, fault.New(fault.NotReady, "The database in %s was made by PostgreSQL %s, installed here: %s. "+
		"Install PostgreSQL %s again, or bring the data to the new version with pg_upgrade. Nothing was changed.", data, want, strings.Join(have, ", "), want)
}

// installed lists the installations of this machine, newest first.
func installed() []programs {
	dirs := filepath.SplitList(os.Getenv("PATH"))
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin"} {
		found, _ := filepath.Glob(pattern)
		dirs = append(dirs, found...)
	}
	var all []programs
	for _, dir := range dirs {
		p := programs{initdb: filepath.Join(dir, "initdb"), postgres: filepath.Join(dir, "postgres")}
		if p.major = majorOf(p.postgres); p.major == 0 || majorOf(p.initdb) != p.major {
			continue
		}
		if !slices.ContainsFunc(all, func(q programs) bool { return q.major == p.major }) {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b programs) int { return cmp.Compare(b.major, a.major) })
	return all
}

// majorOf asks a program for its version; 0 when it is not there or not PostgreSQL's.
func majorOf(program string) int {
	if info, err := os.Stat(program); err != nil || info.IsDir() {
		return 0
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, program, "--version").Output()
	if err != nil {
		return 0
	}
	m := versionOutput.FindSubmatch(out)
	if m == nil {
		return 0
	}
	major, _ := strconv.Atoi(string(m[1]))
	return major
}
