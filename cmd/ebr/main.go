// Command ebr is the one program of Veribatch. It owns the wiring of the packages and nothing else: no rule, no SQL, no page.
// It does not decide what a command means; each command has a file of its own. Start reading at cli.go, then serve.go.
package main

import "os"

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}
