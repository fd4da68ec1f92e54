package identity

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"veribatch/internal/fault"
)

func TestStationNames(t *testing.T) {
	for _, good := range []string{"G1", "Granulation 1", " Weighing 2 ", strings.Repeat("x", 60)} {
		name, err := ParseStationName(good)
		require.NoError(t, err, good)
		require.Equal(t, strings.TrimSpace(good), name)
	}
	for _, bad := range []string{"", " ", "x", strings.Repeat("x", 61), "a\u200bb", "a\nb"} {
		_, err := ParseStationName(bad)
		require.Equal(t, "station", fault.As(err).Field, "%q", bad)
	}
}
