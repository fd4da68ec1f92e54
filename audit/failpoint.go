//go:build !crash

package audit

// failpoint marks a place at which the crash harness kills the server (internal/crash). The program that people run has none.
func failpoint(string) {}
