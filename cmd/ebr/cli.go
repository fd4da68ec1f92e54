package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"veribatch/internal/fault"
)

// cli is the command line: one field per command.
type cli struct {
	Serve        serveCmd        `cmd:"" help:"Run the server (with its own PostgreSQL unless --database names one)."`
	Migrate      migrateCmd      `cmd:"" help:"Bring a database to the schema of this version. ebr serve runs this by itself for its own PostgreSQL."`
	Verify       verifyCmd       `cmd:"" help:"Check every entry and every record row against the audit trail. Exit code 0: all agrees; 1: something was found."`
	VerifyBundle verifyBundleCmd `cmd:"" help:"Check the exported bundle of a batch, on any machine and without a database. Exit code 0: intact; 1: altered; 2: incomplete; 3: signer not established; 4: nothing can be said."`
	Trust        trustCmd        `cmd:"" help:"Write the public keys of the plant, with which others verify its bundles."`
	Signer       signerCmd       `cmd:"" help:"Run the signer of checkpoints of the audit trail as a process of its own; ebr serve --signer asks it."`
	Witness      witnessCmd      `cmd:"" help:"Run a witness of the audit trail of a plant, on a machine that others keep; it cosigns checkpoints that grow, and nothing else."`
	Export       exportCmd       `cmd:"" help:"Take records out of a running plant, for those who check them elsewhere."`
	Backup       backupCmd       `cmd:"" help:"Make a backup in a second place, also beside a running server."`
	Restore      restoreCmd      `cmd:"" help:"Fill an empty state folder from a backup, to its end or to a moment, and verify it. Exit code 0: good; 1: not."`
	Drill        drillCmd        `cmd:"" help:"Restore the newest backup beside the plant, verify and compare it, and take it away again. Exit code 0: good; 1: not."`
	Recipe       recipeCmd       `cmd:"" help:"Work on recipe texts."`
	Version      versionCmd      `cmd:"" help:"Print version, revision and schema digest."`
}

// place says which database a command works on: the private one of a state folder, or an existing one.
type place struct {
	State    string `default:"./var" placeholder:"FOLDER" help:"State folder: secrets, keys, and the private PostgreSQL with its data and log (${default})."`
	Database string `env:"EBR_DATABASE" placeholder:"DSN" help:"Connection string of role app on an existing PostgreSQL 15 or newer, prepared with migrations/roles.sql. It holds a password: prefer the environment variable."`
}

// output is where commands write: results to out, everything else to err.
type output struct{ out, err io.Writer }

func (o output) say(line string) { fmt.Fprintln(o.err, line) }

// errFound ends a command whose result, already printed, is bad news: exit code 1 without a further message.
var errFound = errors.New("found")

// run parses the command line, runs the command and gives the exit code: 0 done, 1 failed or found something, 2 wrong usage.
// The first interrupt (Ctrl-C, SIGTERM) asks the command to end; a second one ends the program at once.
func run(args []string, out, errs io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	left := -1
	parser, err := kong.New(&cli{}, kong.Name("ebr"), kong.Description("Veribatch, the electronic batch record system."),
		kong.Writers(out, errs), kong.Exit(func(code int) { left = code }), kong.UsageOnError(),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(output{out, errs}))
	if err != nil {
		fmt.Fprintln(errs, "ebr:", err)
		return 2
	}
	command, err := parser.Parse(args)
	if left >= 0 { // --help has been answered
		return left
	}
	if err != nil {
		fmt.Fprintf(errs, "ebr: %v\nTry: ebr --help\n", err)
		return 2
	}
	var code exitCode
	switch err := command.Run(); {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	case errors.Is(err, errFound):
	case ctx.Err() != nil:
		fmt.Fprintln(errs, "ebr: interrupted")
	default:
		fmt.Fprintln(errs, "ebr:", message(err))
	}
	return 1
}

// message is what the person at the terminal reads: the fault's own words, with the cause in brackets for the one who looks deeper.
func message(err error) string {
	var f *fault.Error
	if !errors.As(err, &f) {
		return err.Error()
	}
	if f.Cause == nil {
		return f.Message
	}
	return fmt.Sprintf("%s\n     (%v)", f.Message, f.Cause)
}
