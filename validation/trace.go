// Package validation owns the requirements that the program claims to meet, and which line of which acceptance script shows each of them.
// It does not run the scripts (web does, over the whole site) and it decides no rule of the plant.
// Start reading at requirements.csv, then Trace.
package validation

import (
	"bytes"
	_ "embed"
	"encoding/csv"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
)

//go:embed requirements.csv
var requirementsText []byte

// Requirement is one line of requirements.csv.
type Requirement struct {
	Key    string // "P11-10e": what lines of scripts and tests name
	Clause string // where it comes from
	Title  string // in our own words
	Risk   string // low, medium or high: how bad it is when it is not met
}

// Requirements gives all requirements in the order of the file.
func Requirements() ([]Requirement, error) {
	rows, err := csv.NewReader(bytes.NewReader(requirementsText)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("requirements.csv: %w", err)
	}
	var list []Requirement
	for i, row := range rows {
		if len(row) != 4 {
			return nil, fmt.Errorf("requirements.csv: line %d has %d fields, not key, clause, title, risk", i+1, len(row))
		}
		if i > 0 {
			list = append(list, Requirement{row[0], row[1], row[2], row[3]})
		}
	}
	return list, nil
}

// Place is a line of a script.
type Place struct {
	File string
	Line int
	Text string // the sentence, without its keys
}

// String gives "access.txt:12".
func (p Place) String() string { return fmt.Sprintf("%s:%d", p.File, p.Line) }

// Matrix says which lines show which requirement.
type Matrix map[string][]Place

// keysOfLine finds the keys at the end of a sentence, after two blanks or more.
var keysOfLine = regexp.MustCompile(`\s{2,}([A-Z0-9][A-Za-z0-9.-]*(?:\s+[A-Z0-9][A-Za-z0-9.-]*)*)\s*$`)

// Trace reads all scripts (*.txt) of a folder. Explanations (lines that begin with #) show nothing.
func Trace(scripts fs.FS) (Matrix, error) {
	names, err := fs.Glob(scripts, "*.txt")
	if err != nil {
		return nil, err
	}
	m := Matrix{}
	for _, name := range names {
		text, err := fs.ReadFile(scripts, name)
		if err != nil {
			return nil, err
		}
		for i, line := range strings.Split(string(text), "\n") {
			found := keysOfLine.FindStringSubmatchIndex(line)
			if found == nil || strings.HasPrefix(line, "#") {
				continue
			}
			for _, key := range strings.Fields(line[found[2]:found[3]]) {
				m[key] = append(m[key], Place{File: name, Line: i + 1, Text: strings.TrimSpace(line[:found[0]])})
			}
		}
	}
	return m, nil
}

// Compare says what does not fit between requirements and scripts: a requirement that no line shows, a key that no requirement has.
func Compare(list []Requirement, m Matrix) []string {
	var problems []string
	known := map[string]bool{}
	for _, r := range list {
		switch {
		case known[r.Key]:
			problems = append(problems, fmt.Sprintf("%s stands twice in requirements.csv", r.Key))
		case r.Clause == "" || r.Title == "":
			problems = append(problems, fmt.Sprintf("%s has no clause or no title", r.Key))
		case r.Risk != "low" && r.Risk != "medium" && r.Risk != "high":
			problems = append(problems, fmt.Sprintf("%s has the risk %q, not low, medium or high", r.Key, r.Risk))
		case len(m[r.Key]) == 0:
			problems = append(problems, fmt.Sprintf("%s (%s) is shown by no line of a script", r.Key, r.Title))
		}
		known[r.Key] = true
	}
	for key, places := range m {
		if !known[key] {
			problems = append(problems, fmt.Sprintf("%s: the key %s is no requirement", places[0], key))
		}
	}
	return problems
}
