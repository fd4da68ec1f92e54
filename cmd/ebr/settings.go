package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
)

// settings gives every setting of a command by the name that it has on the command line, also when it comes from the environment or is the
// default, for the entry of the start. Passwords are not among them: an address of a database is cut down to where it is and who logs in.
func settings(command *serveCmd) map[string]string {
	found := map[string]string{}
	collect(reflect.ValueOf(command).Elem(), found)
	return found
}

func collect(v reflect.Value, found map[string]string) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if field.Anonymous {
			collect(v.Field(i), found)
			continue
		}
		name := field.Tag.Get("name")
		if name == "" {
			name = dashed(field.Name)
		}
		value := strings.Trim(fmt.Sprint(v.Field(i).Interface()), "[]")
		switch {
		case value == "":
			value = "none"
		case name == "database":
			value = withoutPassword(value)
		case secretive.MatchString(name):
			value = "given, not shown"
		}
		found["--"+name] = value
	}
}

// secretive finds settings whose value would be a secret, should there ever be one; the name of a file is none.
var secretive = regexp.MustCompile(`(password|passphrase|secret|token)$`)

// dashed gives the name of a flag as kong makes it: DrainWait is drain-wait.
func dashed(name string) string {
	var b strings.Builder
	for i, r := range name {
		if i > 0 && unicode.IsUpper(r) {
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

func withoutPassword(dsn string) string {
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		return "given, not readable"
	}
	return fmt.Sprintf("%s on %s port %d as %s", cfg.Database, cfg.Host, cfg.Port, cfg.User)
}

// lastStart reads what the entry of the start before says; nil at the first start.
func lastStart(ctx context.Context, trail *audit.Trail) (notes map[string]string, err error) {
	err = trail.Read(ctx, func(r *audit.Reader) error {
		rows, err := audit.History(ctx, r, audit.Filter{Act: "server.start", Limit: 1})
		if err == nil && len(rows) > 0 {
			notes = rows[0].Details
		}
		return err
	})
	return notes, err
}

// changed says in one line what differs from the start before: "--log: text → json". The address of this run is none of it: a free port is
// another one each time.
func changed(before, now map[string]string) string {
	if before == nil {
		return "first start"
	}
	names := maps.Clone(before)
	maps.Copy(names, now)
	delete(names, "address")
	delete(names, "changed")
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if before[name] != now[name] {
			lines = append(lines, fmt.Sprintf("%s: %s → %s", name, cmp.Or(before[name], "not recorded"), cmp.Or(now[name], "no longer recorded")))
		}
	}
	return cmp.Or(strings.Join(lines, "; "), "nothing")
}
