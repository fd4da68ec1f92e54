package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const example = `# The limit is one too high.
file limit.go
test ./a ./b -run=Limit
-- was --
	n < 10
-- becomes --
	n <= 10
`

func TestFaultIsReadAndSeeded(t *testing.T) {
	f, err := parseFault("limit", example)
	if err != nil {
		t.Fatal(err)
	}
	if f.name != "limit" || f.file != "limit.go" || f.test != "./a ./b -run=Limit" || f.old != "\tn < 10" || f.new != "\tn <= 10" {
		t.Errorf("read %+v", f)
	}
	dir := t.TempDir()
	f.file = filepath.Join(dir, "real.go")
	for text, want := range map[string]string{"if\tn < 10 {": "if\tn <= 10 {", "nothing": "", "\tn < 10\tn < 10": ""} {
		if err := os.WriteFile(f.file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		out := t.TempDir()
		_, err := f.overlay(out)
		if (err == nil) != (want != "") {
			t.Errorf("%q: %v", text, err)
		}
		if got, _ := os.ReadFile(filepath.Join(out, "real.go")); string(got) != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

func TestFaultsOutOfFormAreRefused(t *testing.T) {
	for _, text := range []string{"", "file a.go\ntest ./a\n-- was --\nx\n-- becomes --\ny\n", strings.Replace(example, "-- was --\n\tn < 10\n", "", 1)} {
		if _, err := parseFault("x", text); err == nil {
			t.Errorf("taken: %q", text)
		}
	}
}

// Every fault here must fit the program as it is: a fault whose text is gone tests nothing.
func TestFaultsFitTheProgram(t *testing.T) {
	faults, err := readFaults("faults")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range faults {
		f.file = filepath.Join("..", "..", f.file)
		if _, err := f.overlay(t.TempDir()); err != nil {
			t.Errorf("%s: %v", f.name, err)
		}
	}
}
