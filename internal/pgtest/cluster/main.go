// Command cluster starts one throwaway PostgreSQL, runs a command that finds it through the environment, and stops it again, so
// that all packages of a test run share it. It owns no tests. Usage: go run ./internal/pgtest/cluster -- go test ./...
// Start reading at run.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"veribatch/internal/pgtest"
)

func main() {
	code, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
	os.Exit(code)
}

// run gives the exit code of the command. An interrupt reaches the command by the terminal; we only wait for its end.
func run(args []string) (int, error) {
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		return 0, errors.New("usage: cluster -- COMMAND [ARGUMENT...]")
	}
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt, syscall.SIGTERM)
	access, stop, err := pgtest.Cluster(context.Background(), func(line string) { fmt.Fprintln(os.Stderr, "cluster:", line) })
	if err != nil {
		return 0, err
	}
	defer stop()
	encoded, err := json.Marshal(access)
	if err != nil {
		return 0, err
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), pgtest.Variable+"="+string(encoded))
	err = cmd.Run()
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		return max(1, ended.ExitCode()), nil
	}
	return 0, err
}
