package backup

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A segment that a full disk did not let be laid out is no end of the log: a tail that named it made every restore refuse the archive.
func TestASegmentWithoutRoomIsNoTail(t *testing.T) {
	t.Parallel()
	a := &Archive{Line: Line{Dir: t.TempDir()}}
	require.NoError(t, os.MkdirAll(a.Line.log(), 0o700))
	const segment = "000000010000000000000004"
	require.NoError(t, os.WriteFile(filepath.Join(a.Line.log(), segment+".partial"), make([]byte, 10<<20), 0o600))
	require.NoError(t, a.noteTail(segment, 0, time.Now()))
	require.NoFileExists(t, a.Line.tailFile())
}
