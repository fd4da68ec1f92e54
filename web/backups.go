package web

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"veribatch/audit"
	"veribatch/ebr/continuity"
)

// BackupsView shows how the plant is kept from being lost: backups, the archive of the log, drills and restores.
type BackupsView struct {
	Page
	Ask   *Form // a backup now; no fields
	Waits *time.Time
	State []Line
	Says  []Alarm // what has to be looked after; a demo plant reads it here and nowhere else
	Runs  []BackupLine
}

// BackupLine is one backup, drill or restore.
type BackupLine struct {
	Kind, State string // "backup", "drill" or "restore"; "asked", "good" or "failed"
	At          time.Time
	Took        string
	Name        string
	Size        string
	Entries     int64
	Digest      string
	AskedBy     string
	Until       *time.Time
	Result      string
}

func (*BackupsView) template() string { return "backups/index" }

// runsShown is how many the page lists; all of them stand in the trail.
const runsShown = 100

// BackupAlarms tells on every page when the data of the plant is not safe.
func BackupAlarms(ctx context.Context, q audit.Querier) ([]Alarm, error) {
	found, err := continuity.Alarms(ctx, q)
	return backupAlarms(found), err
}

func backupAlarms(found []continuity.Alarm) (list []Alarm) {
	for _, a := range found {
		level := "alert"
		if a.Action {
			level = "action"
		}
		list = append(list, Alarm{Act: "backup.read", Level: level, Words: a.Words, Href: "/backups"})
	}
	return list
}

func (s *server) showBackups(v *visit) (View, error) {
	now, err := continuity.Look(v.ctx, v, runsShown)
	if err != nil {
		return nil, err
	}
	view := &BackupsView{Page: v.frame(v.words("Backups")), Says: backupAlarms(now.Alarms), State: v.standing(now)}
	for _, r := range now.Runs {
		if r.State == "asked" {
			view.Waits = r.AskedAt
			continue
		}
		view.Runs = append(view.Runs, BackupLine{
			Kind: string(r.Kind), State: r.State, At: *r.Ended, Took: fmt.Sprintf("%.1f s", r.Ended.Sub(*r.Began).Seconds()), Name: r.Name, Size: megabytes(r.Bytes),
			Entries: r.Entries, Digest: r.Digest, AskedBy: r.AskedBy, Until: r.Until, Result: r.Result,
		})
	}
	view.Ask = v.offer(view.Waits == nil && now.Archive.Place != "", "backup.make", Form{ID: "backup", Action: "/backups/make"})
	return view, nil
}

// standing says in four lines how things are.
func (v *visit) standing(now continuity.State) []Line {
	never := v.words("never")
	last := func(r *continuity.Run) string {
		if r == nil {
			return never
		}
		return r.Ended.In(v.s.Zone).Format("2006-01-02 15:04:05 -07:00")
	}
	archived := v.words("not kept")
	switch a := now.Archive; {
	case a.Place == "":
	case a.Problem != "":
		archived = v.words("stands still since %s: %s", a.Since.In(v.s.Zone).Format("2006-01-02 15:04:05"), a.Problem)
	case a.CompleteAt == nil:
		archived = v.words("begins")
	default:
		archived = v.words("complete until %s, %s behind", a.CompleteAt.In(v.s.Zone).Format("2006-01-02 15:04:05 -07:00"), megabytes(a.Behind))
	}
	place := now.Archive.Place
	if place == "" {
		place = v.words("not set up")
	}
	return []Line{{v.words("Second place"), place}, {v.words("Newest good backup"), last(now.Backup)}, {v.words("Archive of the log"), archived}, {v.words("Last good drill"), last(now.Drill)}}
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

// onBackups says where a backup is asked for.
func (s *server) onBackups() place {
	return place{page: s.showBackups, read: "backup.read", next: func(*visit, json.RawMessage) string { return "/backups" }}
}
