// Command mutants asks whether the tests would notice: it seeds one fault after the other into the program, each in a copy that only
// the compiler sees, and expects the tests to fail. It owns no tests; a fault that nobody notices means one is missing.
// Start reading at faults/README.md, then judge. Usage: go run ./internal/mutants [NAME...]
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

// run seeds all faults, or those that are named, and fails when one goes unnoticed.
func run(wanted []string, out io.Writer) error {
	faults, err := readFaults("internal/mutants/faults")
	if err != nil {
		return err
	}
	if len(wanted) > 0 {
		faults = slices.DeleteFunc(faults, func(f fault) bool { return !slices.Contains(wanted, f.name) })
	}
	if len(faults) == 0 {
		return errors.New("no such fault")
	}
	red := baseline(faults, out)
	unnoticed := 0
	for _, f := range faults {
		began := time.Now()
		verdict, err := "", error(nil)
		if red[f.test] {
			err = errors.New("its tests fail without any fault")
		} else {
			verdict, err = judge(f)
		}
		if err != nil {
			unnoticed++
			verdict = "NOT NOTICED: " + err.Error()
		}
		fmt.Fprintf(out, "%-34s %5.1f s  %s\n", f.name, time.Since(began).Seconds(), verdict)
	}
	if unnoticed > 0 {
		return fmt.Errorf("%d of %d seeded faults were not noticed", unnoticed, len(faults))
	}
	fmt.Fprintf(out, "all %d seeded faults were noticed\n", len(faults))
	return nil
}

// baseline runs the tests without a fault: where they fail already, nothing can be said.
func baseline(faults []fault, out io.Writer) (red map[string]bool) {
	red = map[string]bool{}
	for _, f := range faults {
		if _, done := red[f.test]; done {
			continue
		}
		log, err := goTest("", append([]string{"-timeout=10m"}, strings.Fields(f.test)...)...)
		red[f.test] = err != nil
		if err != nil {
			fmt.Fprintf(out, "go test %s fails without any fault:\n%s\n", f.test, tail(log))
		}
	}
	return red
}

// tail is the end of a log, short enough to read.
func tail(log []byte) string {
	lines := strings.Split(strings.TrimSpace(string(log)), "\n")
	lines = lines[max(0, len(lines)-20):]
	for i, l := range lines {
		lines[i] = fmt.Sprintf("    %.200s", l)
	}
	return strings.Join(lines, "\n")
}

var failedTest = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)

// judge seeds a fault, checks that the program still compiles, and expects a test to fail. It gives the name of that test.
func judge(f fault) (string, error) {
	dir, err := os.MkdirTemp("", "mutant-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	overlay, err := f.overlay(dir)
	if err != nil {
		return "", err
	}
	if log, err := goTest(overlay, append(strings.Fields(f.test), "-run=^$")...); err != nil {
		return "", fmt.Errorf("the program with the fault does not compile:\n%s", tail(log))
	}
	log, err := goTest(overlay, append([]string{"-failfast", "-timeout=5m"}, strings.Fields(f.test)...)...)
	if err == nil {
		return "", fmt.Errorf("go test %s stays green", f.test)
	}
	if m := failedTest.FindSubmatch(log); m != nil {
		return "noticed by " + string(m[1]), nil
	}
	if bytes.Contains(log, []byte("panic: ")) {
		return "noticed by a panic", nil
	}
	return "", fmt.Errorf("the tests did not run:\n%s", tail(log))
}

// goTest runs tests with an overlay ("" for none). It travels in the environment, so that tests which build the program get it too.
func goTest(overlay string, args ...string) ([]byte, error) {
	cmd := exec.Command("go", append([]string{"test"}, args...)...)
	if overlay != "" {
		cmd.Env = append(os.Environ(), "GOFLAGS="+os.Getenv("GOFLAGS")+" -overlay="+overlay)
	}
	return cmd.CombinedOutput()
}

// fault is one seeded fault: in a file, one piece of text that occurs once becomes another.
type fault struct {
	name     string
	file     string
	test     string // which tests should notice: packages and flags of go test
	old, new string
}

// overlay writes the file with the fault and the compiler's map that puts it in the place of the real one.
func (f fault) overlay(dir string) (string, error) {
	text, err := os.ReadFile(f.file)
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(text), f.old); n != 1 {
		return "", fmt.Errorf("the text to change occurs %d times in %s, want once: bring the fault up to date", n, f.file)
	}
	bent := filepath.Join(dir, filepath.Base(f.file))
	if err := os.WriteFile(bent, []byte(strings.Replace(string(text), f.old, f.new, 1)), 0o644); err != nil {
		return "", err
	}
	place, err := filepath.Abs(f.file)
	if err != nil {
		return "", err
	}
	plan, err := json.Marshal(map[string]map[string]string{"Replace": {place: bent}})
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "overlay.json")
	return path, os.WriteFile(path, plan, 0o644)
}

func readFaults(folder string) ([]fault, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*.txt"))
	if err != nil {
		return nil, err
	}
	var all []fault
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		f, err := parseFault(strings.TrimSuffix(filepath.Base(path), ".txt"), string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		all = append(all, f)
	}
	return all, nil
}

var form = regexp.MustCompile(`(?s)^(?:#[^\n]*\n)+file ([^\n]+)\ntest ([^\n]+)\n-- was --\n(.+?)\n-- becomes --\n(.*?)\n?$`)

// parseFault reads the form that faults/README.md describes.
func parseFault(name, text string) (fault, error) {
	m := form.FindStringSubmatch(text)
	if m == nil {
		return fault{}, errors.New("not of the form that faults/README.md describes")
	}
	return fault{name: name, file: m[1], test: m[2], old: m[3], new: m[4]}, nil
}
