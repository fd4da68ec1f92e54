package browser_test

import (
	"strings"

	"veribatch/internal/language"
	"veribatch/web"
)

func backupPages() map[string]func() web.View {
	return map[string]func() web.View{
		"backups": func() web.View {
			line := func(minute int, kind, state, result string) web.BackupLine {
				return web.BackupLine{Kind: kind, State: state, At: at(3, 2, minute), Took: "2.2 s", Name: "20261122T020000Z-7f2e84", Size: "49.9 MB", Digest: strings.Repeat("c851f5e7", 8), Result: result}
			}
			failed := line(40, "backup", "failed", "The backup failed: pg_basebackup: could not write to file: No space left on device")
			failed.Name, failed.Digest, failed.AskedBy = "", "", "Ada Okafor"
			waits := at(3, 11, 58)
			return &web.BackupsView{
				Page: frame("Backups", "/backups", petra), Waits: &waits, Ask: &web.Form{ID: "backup", Action: "/backups/make"},
				Says:  []web.Alarm{{Level: "alert", Words: language.Write("The last backup failed")}, {Level: "action", Words: language.Write("The archive of the log in the second place has stood still for 12 min")}},
				State: []web.Line{{Label: "Second place", Value: "/mnt/second"}, {Label: "Newest good backup", Value: "2026-11-22 02:00:02 +01:00"}, {Label: "Archive of the log", Value: "complete until 2026-11-22 11:59:58 +01:00, 0.0 MB behind"}, {Label: "Last good drill", Value: "never"}},
				Runs: []web.BackupLine{failed, line(10, "drill", "good", "Drill passed in 4.5 s: all entries stand in the plant, the copy verifies, and 20 batch records are printed alike."),
					line(0, "backup", "good", "Backup made and checked in 2.2 s: 1453 files, 49.9 MB, 61 entries in 9 streams.")},
			}
		},
	}
}
