package main

import (
	"cmp"
	"fmt"
	"runtime/debug"

	"veribatch/migrations"
)

// versionCmd prints what this program is: a validated installation is identified by these lines.
type versionCmd struct{}

// Run prints the version.
func (versionCmd) Run(o output) error {
	version, revision := build()
	_, err := fmt.Fprintf(o.out, "veribatch %s\nrevision %s\nschema %s\n", version, revision, migrations.Digest())
	return err
}

// build gives the module's version and the revision it was built from; "+changed" marks files that were not committed.
func build() (version, revision string) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown", "unknown"
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	revision = cmp.Or(settings["vcs.revision"], "unknown")
	if settings["vcs.modified"] == "true" {
		revision += "+changed"
	}
	return cmp.Or(info.Main.Version, "unknown"), revision
}
