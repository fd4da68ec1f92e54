package report

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// file prints a record into a file; KEEP_PDF=folder keeps it to be looked at.
func file(t testing.TB, r Record) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, PDF(&out, r))
	folder := t.TempDir()
	if keep := os.Getenv("KEEP_PDF"); keep != "" {
		folder = keep
	}
	path := filepath.Join(folder, filepath.Base(t.Name())+".pdf")
	require.NoError(t, os.WriteFile(path, out.Bytes(), 0o600))
	return path
}

// read runs a program of poppler or qpdf and gives what it printed.
func read(t testing.TB, program string, args ...string) string {
	t.Helper()
	out, err := exec.Command(program, args...).CombinedOutput()
	require.NoError(t, err, "%s: %s", program, out)
	return string(out)
}

func TestSample(t *testing.T) {
	start := time.Now()
	path := file(t, sample(10))
	t.Log(time.Since(start))
	read(t, "qpdf", "--check", path)
}

func BenchmarkPDF200Steps(b *testing.B) {
	r := sample(200)
	for b.Loop() {
		var out bytes.Buffer
		require.NoError(b, PDF(&out, r))
		b.ReportMetric(float64(out.Len()), "bytes")
	}
}
