package batch

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/internal/fault"
)

// TestClaimedWhenClocksChange: the time that a late entry claims is never guessed.
func TestClaimedWhenClocksChange(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	for _, c := range []struct{ text, want, says string }{
		{"2026-03-29T01:59", "2026-03-29T01:59:00+01:00", ""}, {"2026-03-29T02:30", "", "2026-03-29 02:30 did not exist here"}, {"2026-03-29 02:30:10", "", "did not exist here"},
		{"2026-10-25 02:30", "", "2026-10-25 02:30 +02:00 before, or 2026-10-25 02:30 +01:00 after"}, {"2026-10-25 02:30 +01:00", "2026-10-25T02:30:00+01:00", ""},
		{"2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+02:00", ""}, {"2026-10-25 02:30:07", "", "came twice"}, {"2026-11-20 14:05", "2026-11-20T14:05:00+01:00", ""},
	} {
		at, err := claimed(c.text, berlin)
		if c.says == "" {
			require.NoError(t, err, c.text)
			require.Equal(t, c.want, at.Format(time.RFC3339))
			continue
		}
		f := fault.As(err)
		require.NotNil(t, f, c.text)
		require.Equal(t, "invalid performed_at", string(f.Kind)+" "+f.Field)
		require.Contains(t, f.Message, c.says)
	}
}
