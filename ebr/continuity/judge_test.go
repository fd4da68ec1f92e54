package continuity

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/signatures/configuration"
)

func TestAlarms(t *testing.T) {
	t.Parallel()
	now := time.Date(2099, 1, 1, 12, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) *time.Time { at := now.Add(-d); return &at }
	good := func(d time.Duration) *Run { return &Run{State: "good", Ended: ago(d)} }
	failed := &Run{State: "failed", Ended: ago(time.Minute)}
	well := Archive{Place: "/mnt", CompleteAt: ago(time.Second), Since: now.Add(-time.Hour), LookedAt: now}
	still := well
	still.Problem = "no space left on the device"
	anew := well
	anew.Line = "20990101T110000Z-00ff00"
	late := well
	late.CompleteAt = ago(time.Hour)
	day := 24 * time.Hour
	for name, c := range map[string]struct {
		s                  State
		last, first, drill *Run
		action             bool
		says               string
	}{
		"all is well":               {State{Archive: well, Backup: good(time.Hour), Drill: good(day)}, good(time.Hour), good(day), good(day), false, ""},
		"nothing is set up":         {State{}, nil, nil, nil, true, "No backup is set up"},
		"none has been made":        {State{Archive: well}, nil, nil, nil, true, "No backup of this plant"},
		"the newest is too old":     {State{Archive: well, Backup: good(27 * time.Hour)}, good(27 * time.Hour), good(day), nil, true, "27 h old, the limit is 26 h"},
		"the last failed":           {State{Archive: well, Backup: good(time.Hour)}, failed, good(day), nil, false, "The last backup failed"},
		"a new line has no backup":  {State{Archive: anew, Backup: good(2 * time.Hour)}, good(2 * time.Hour), good(day), nil, true, "needs a backup"},
		"a new line has a backup":   {State{Archive: anew, Backup: good(time.Minute)}, good(time.Minute), good(day), nil, false, ""},
		"the archive stands still":  {State{Archive: still, Backup: good(time.Hour)}, good(time.Hour), good(day), nil, true, "has stood still for 60 min"},
		"the archive is late":       {State{Archive: late, Backup: good(time.Hour)}, good(time.Hour), good(day), nil, false, "60 min behind"},
		"the last drill failed":     {State{Archive: well, Backup: good(time.Hour)}, good(time.Hour), good(day), failed, true, "drill of the restore failed"},
		"the last drill is too old": {State{Archive: well, Backup: good(time.Hour), Drill: good(101 * day)}, good(time.Hour), good(day), good(101 * day), false, "101 days old"},
		"there never was a drill":   {State{Archive: well, Backup: good(time.Hour)}, good(time.Hour), good(101 * day), nil, false, "No drill"},
	} {
		list := judge(now, configuration.Defaults(), c.s, c.last, c.first, c.drill)
		if c.says == "" {
			require.Empty(t, list, name)
			continue
		}
		require.Len(t, list, 1, name)
		require.Contains(t, list[0].Words.String(), c.says, name)
		require.Equal(t, c.action, list[0].Action, name)
	}
}
