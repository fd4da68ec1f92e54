package web_test

import (
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/ebr/continuity"
)

// safekeeping is what scripts say about backups. The copies themselves are made by the program as a whole and tested there (cmd/ebr).
var safekeeping = []sentence{
	on(setting, `a second place is set up`, func(s *script, _ []string) {
		require.NoError(s.t, continuity.KeepArchive(s.t.Context(), s.Trail, continuity.Archive{Place: "/mnt/second", Line: "20200101T000000Z-000000"}))
	}),
	on(act, `SHE asks for a backup`, func(s *script, _ []string) { s.now.open("/backups"); s.now.send("backup", nil) }),
	on(setting, `the backup that was asked for ends well`, func(s *script, _ []string) { s.backupEnds(true, "Backup made and checked in 2.0 s: 1,453 files.") }),
	on(setting, `a backup fails`, func(s *script, _ []string) { s.backupEnds(false, "The backup failed: no space left on the device") }),
}

func (s *script) backupEnds(good bool, result string) {
	now := time.Now().UTC()
	require.NoError(s.t, continuity.File(s.t.Context(), s.Trail, continuity.Report{
		ID: audit.NewID(), Kind: continuity.Backup, Good: good, Began: now.Add(-time.Second), Ended: now, Result: result,
	}))
}
