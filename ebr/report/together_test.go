package report

import (
	"bytes"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRecordsPrintedTogether: two persons ask for a PDF at the same moment; each gets what it would have got alone. The race detector
// watches that nothing is shared.
func TestRecordsPrintedTogether(t *testing.T) {
	t.Parallel()
	var alone bytes.Buffer
	require.NoError(t, PDF(&alone, sample(5)))
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			var together bytes.Buffer
			if err := PDF(&together, sample(5)); err != nil || !bytes.Equal(together.Bytes(), alone.Bytes()) {
				t.Errorf("another file than alone (%v)", err)
			}
		})
	}
	wait.Wait()
}
