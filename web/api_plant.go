package web

import (
	"time"

	"veribatch/ebr/continuity"
)

// backups are the runs of backup and drill, the newest first.
type backups struct {
	Alarms []string     `json:"alarms" doc:"what is wrong with the backups now"`
	Runs   []backupLine `json:"runs" doc:"the last ones, the newest first; all of them stand in the audit trail"`
}

type backupLine struct {
	Kind    continuity.Kind `json:"kind" doc:"backup, drill or restore"`
	State   string          `json:"state" doc:"asked, good or failed"`
	AskedBy string          `json:"asked_by,omitempty"`
	Name    string          `json:"name"`
	Digest  string          `json:"digest" doc:"SHA-256 of the list of its files, hex"`
	Bytes   int64           `json:"bytes"`
	Entries int64           `json:"entries"`
	Began   *time.Time      `json:"began,omitempty"`
	Ended   *time.Time      `json:"ended,omitempty"`
	Until   *time.Time      `json:"until,omitempty" doc:"time of its newest entry"`
	Result  string          `json:"result"`
}

func apiBackups(v *visit, _ nothing) (answer backups, err error) {
	now, err := continuity.Look(v.ctx, v, runsShown)
	if err != nil {
		return answer, err
	}
	for _, a := range backupAlarms(now.Alarms) {
		answer.Alarms = append(answer.Alarms, a.Words.String())
	}
	for _, r := range now.Runs {
		answer.Runs = append(answer.Runs, backupLine{r.Kind, r.State, r.AskedBy, r.Name, r.Digest, r.Bytes, r.Entries, r.Began, r.Ended, r.Until, r.Result})
	}
	return answer, nil
}
