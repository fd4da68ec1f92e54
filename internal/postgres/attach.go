package postgres

import (
	"os"
	"path/filepath"
	"strings"

	"veribatch/internal/fault"
)

// Attach gives the access to the cluster of a state folder that another process is running, for reading beside it (`ebr verify`).
func Attach(state string) (Access, error) {
	state, err := filepath.Abs(state)
	if err != nil {
		return Access{}, err
	}
	idle := fault.New(fault.NotReady, "No database is running for the state folder %s.", state)
	raw, err := os.ReadFile(filepath.Join(state, "place"))
	if err != nil {
		return Access{}, idle.Because(err)
	}
	root := strings.TrimSpace(string(raw))
	if root == "." {
		root = state
	}
	// postmaster.pid: process id, data directory, start time, port, socket directory, ... one a line.
	raw, err = os.ReadFile(filepath.Join(root, "pg", "postmaster.pid"))
	lines := strings.Split(string(raw), "\n")
	if err != nil || len(lines) < 5 || lines[4] == "" {
		return Access{}, idle.Because(err)
	}
	programs, err := findPrograms(filepath.Join(root, "pg"))
	if err != nil {
		return Access{}, err
	}
	a, err := loadAccess(filepath.Join(state, "secrets"))
	a.Socket, a.programs = lines[4], programs.folder()
	return a, err
}
