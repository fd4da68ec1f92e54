package audit_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
)

var usualBodies = []string{
	`{"v":1,"stream":"batch/018f","seq":7,"prev":"ab12","time":"2026-11-23T20:15:04.123456Z","by":{"name": "Olga Ünal", "user": "olga", "person": "018f-1", "session": "s"},"station":"S1","act":"step.record","reason":"mis\"read \u00e9\n","key":"k","also":["lot/1", "person/2"],"details":{"step": "010"},"changes":[{"table" : "ebr.batches", "id" : "018f", "version" : 8, "op" : "update", "before" : {"state":"running","n":-3,"x":null,"y":true}, "after" : {"state" : "held", "n" : 0}}]}`,
	`{"v":1,"stream":"station/1","seq":1,"prev":"","time":"2024-02-29T00:00:00.000000Z","by":{"person": "p"},"station":"","act":"session.open","reason":"","also":[],"refused":true,"details":{},"changes":[]}`,
}

// agree fails when the fast reader takes a body that Decode refuses or understands otherwise.
func agree(t *testing.T, body []byte) (taken bool) {
	fast, taken := audit.Scan(body)
	if !taken {
		return false
	}
	slow, err := audit.Decode(body)
	require.NoError(t, err, "%s", body)
	require.True(t, fast.Time.Equal(slow.Time), "%s", body)
	require.Equal(t, [...]any{fast.Version, fast.Stream, fast.Seq, fast.Prev, fast.By.Person, fast.Act, fast.Refused, len(fast.Also), len(fast.Changes)},
		[...]any{slow.Version, slow.Stream, slow.Seq, slow.Prev, slow.By.Person, slow.Act, slow.Refused, len(slow.Also), len(slow.Changes)}, "%s", body)
	require.True(t, slices.Equal(fast.Also, slow.Also), "%s", body)
	for i := range fast.Changes {
		require.Equal(t, slow.Changes[i], fast.Changes[i], "%s", body)
	}
	return true
}

// hostile is put into every place of a body.
var hostile = []string{"", `"`, `\`, `{`, `}`, `[`, `]`, `,`, `:`, `0`, `-`, `.5`, `e3`, ` `, "\x00", "\xff", "é", `null`, `"v":1,`, `"Seq":9,`, `"seq":9,`, `\u0041`, `"x":1,`, `A`, "\n"}

func TestFastReaderAgreesWithTheFullOne(t *testing.T) {
	t.Parallel()
	for _, body := range usualBodies {
		require.True(t, agree(t, []byte(body)), "a usual body is not read fast: %s", body)
		taken := 0
		for i := range len(body) {
			for _, h := range hostile {
				for _, width := range []int{0, 1} {
					if agree(t, []byte(body[:i]+h+body[i+width:])) {
						taken++
					}
				}
			}
		}
		require.NotZero(t, taken)
	}
	for _, day := range []string{"2026-02-29", "2026-13-01", "2026-00-10", "2026-04-31", "2026-01-00"} {
		require.False(t, agree(t, []byte(strings.Replace(usualBodies[0], "2026-11-23", day, 1))), day)
	}
	for _, hour := range []string{"24:00:00", "23:60:00", "23:59:60"} {
		require.False(t, agree(t, []byte(strings.Replace(usualBodies[0], "20:15:04", hour, 1))), hour)
	}
}

// What the database writes is read fast; otherwise the check would be slow and say nothing about it.
func TestEntriesOfTheTrailAreReadFast(t *testing.T) {
	t.Parallel()
	w := setup(t)
	id := w.station("Café \"7\"")
	require.NoError(t, w.rename(id, "B\\C"))
	rows, err := w.db.Super(t).Query(w.ctx, `select body from audit.entries`)
	require.NoError(t, err)
	defer rows.Close()
	all, fast := 0, 0
	for rows.Next() {
		var body []byte
		require.NoError(t, rows.Scan(&body))
		all++
		if agree(t, body) {
			fast++
		} else {
			t.Logf("slow: %s", body)
		}
	}
	require.NoError(t, rows.Err())
	require.Equal(t, all, fast)
}

func FuzzFastReader(f *testing.F) {
	for _, body := range usualBodies {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) { agree(t, body) })
}
