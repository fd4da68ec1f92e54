package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"veribatch/audit"
	"veribatch/audit/bundle"
	"veribatch/internal/fault"
	"veribatch/signatures"
	"veribatch/signatures/keyring"
)

// verifyBundleCmd checks exports offline: it needs no state folder and no database.
type verifyBundleCmd struct {
	Trust  string   `placeholder:"FILE" help:"Keys that you trust, which you got from the plant by another way than the bundle (ebr trust). Without it the best verdict is that the signer is not established."`
	Bundle []string `arg:"" type:"path" help:"Bundles that ebr export wrote."`
}

// nothingSaid is the exit code when a bundle or the file of trust cannot be read.
const nothingSaid = 4

// exitCode ends a command, whose result is printed, with a code of its own.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// Run prints one verdict, or with several bundles a line for each.
func (c *verifyBundleCmd) Run(o output) error {
	trusted, err := c.trusted()
	worst := exitCode(0)
	for _, name := range c.Bundle {
		var v bundle.Verdict
		why := err
		if why == nil {
			v, why = verdict(name, trusted)
		}
		if why != nil {
			worst = nothingSaid
			o.say(why.Error())
		} else {
			worst = max(worst, exitCode(v.ExitCode()))
		}
		if len(c.Bundle) > 1 {
			fmt.Fprintln(o.out, oneLine(v, why), name)
			continue
		}
		fmt.Fprintln(o.out, verdictLine(v, why))
		if why == nil {
			explain(o.out, v)
		}
	}
	if worst == 0 {
		return nil
	}
	return worst
}

// trusted reads the file of trust; nil without one.
func (c *verifyBundleCmd) trusted() (*bundle.Keys, error) {
	if c.Trust == "" {
		return nil, nil
	}
	raw, err := readLimited(c.Trust, 2_000_000)
	if err != nil {
		return nil, err
	}
	keys, err := bundle.ParseKeys(raw)
	if err != nil {
		return nil, fault.New(fault.Invalid, "%s is no file of keys as ebr trust writes it.", c.Trust).Because(err)
	}
	return &keys, nil
}

func verdict(name string, trusted *bundle.Keys) (v bundle.Verdict, err error) {
	file, err := readLimited(name, 2_000_000_001)
	if err != nil {
		return v, err
	}
	return bundle.Verify(file, trusted), nil
}

// readLimited reads a file to its end, or up to the limit.
func readLimited(name string, most int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, most))
}

func verdictLine(v bundle.Verdict, err error) string {
	switch {
	case err != nil:
		return "error"
	case v.Reason == "":
		return string(v.Word)
	}
	return string(v.Word) + " " + v.Reason
}

func oneLine(v bundle.Verdict, err error) string {
	line := verdictLine(v, err)
	if err != nil || v.Reason == "" {
		line += " -"
	}
	return line
}

// means says each verdict to people.
var means = map[bundle.Word]string{
	bundle.Intact:         "The record of this batch is whole and unchanged since it was signed, as far as the bundle reaches.",
	bundle.Altered:        "Something in this bundle is not what the plant signed. Keep the file and tell the plant's quality assurance.",
	bundle.Incomplete:     "Something is missing. What is there may be genuine, and it is not the whole record.",
	bundle.NotEstablished: "Nothing in it contradicts itself, and it is not established that your plant's keys signed it.",
}

// explain writes what people want to know besides the verdict.
func explain(w io.Writer, v bundle.Verdict) {
	fmt.Fprintln(w, means[v.Word])
	if v.Detail != "" {
		fmt.Fprintf(w, "Where: %s.\n", v.Detail)
	}
	if v.Word != bundle.Intact && v.Word != bundle.NotEstablished {
		return
	}
	fmt.Fprintf(w, "Batch: %s, %d entries and %d of other streams, %d signatures verified.\n", v.Stream, v.Entries, v.Others, v.Signatures)
	fmt.Fprintf(w, "Log: %s", v.Origin)
	for _, at := range v.SignedAt {
		fmt.Fprintf(w, ", signed at %s", at.Format(time.RFC3339))
	}
	fmt.Fprintln(w, ".")
	if v.Beyond > 0 {
		fmt.Fprintf(w, "%d entries of the batch came after record.pdf and index.html were made; they are in entries.jsonl.\n", v.Beyond)
	}
	fmt.Fprintln(w, "It does not prove that a value was true when it was entered, nor that nothing was added to the batch since (docs/auditor.md).")
}

// trustCmd writes the public keys of the plant for those who will verify bundles.
type trustCmd struct {
	place
	To string `required:"" placeholder:"FILE" help:"File to write; it must not be there yet."`
}

// Run writes the file and says its SHA-256, which is compared by another way.
func (c *trustCmd) Run(ctx context.Context, o output) (err error) {
	db, err := c.attach(ctx, o.say)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.close()) }()
	trail, err := audit.Open(ctx, db.app)
	if err != nil {
		return err
	}
	defer trail.Close()
	keys, err := c.vouched(ctx, trail)
	if err != nil {
		return err
	}
	raw := keys.Format()
	f, err := os.OpenFile(c.To, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(raw)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	fmt.Fprintf(o.out, "%s: %s. SHA-256, to be compared by telephone:\n%x\n", c.To, describe(keys), sha256.Sum256(raw))
	return nil
}

// describe says what a trust file holds, so that one without the witnesses that somebody counts on is not sent away unnoticed.
func describe(keys bundle.Keys) string {
	number := func(n int, one, more string) string {
		if n == 1 {
			return "1 " + one
		}
		return fmt.Sprintf("%d %s", n, more)
	}
	said := number(len(keys.Log), "key of the log", "keys of the log") + ", " + number(len(keys.Statements), "key of signatures", "keys of signatures")
	if len(keys.Witnesses) == 0 {
		return said + ", no witness"
	}
	return fmt.Sprintf("%s, %s, of which %d must have signed", said, number(len(keys.Witnesses), "witness", "witnesses"), keys.Quorum)
}

// vouched gives the keys when the site key, or a signature of quality assurance, vouches for each of them: one that somebody put into the database is not
// to be trusted by others.
func (c *trustCmd) vouched(ctx context.Context, trail *audit.Trail) (keys bundle.Keys, err error) {
	site, err := keyring.Existing(c.keys())
	if err != nil {
		return keys, fault.New(fault.Missing, "The site key cannot be read in %s, so nothing vouches for the keys in the database. Name the state folder with --state.", c.keys()).Because(err)
	}
	inForce := site.ID()
	if vault, err := keyring.SealsInVault(c.keys()); err != nil {
		return keys, err
	} else if vault != nil {
		inForce = keyring.KeyID(vault)
	}
	err = trail.Read(ctx, func(r *audit.Reader) error {
		strange := 0
		found := func(string, error) { strange++ }
		err := errors.Join(signatures.VerifyKeys(ctx, r, site, found), signatures.VerifyCheckpointKeys(ctx, r, site, found))
		if err == nil && strange > 0 {
			err = fault.New(fault.Refused, "The database holds keys for which nobody vouches. Run ebr verify, and tell QA.")
		}
		if err == nil {
			keys, err = signatures.BundleKeys(ctx, r, inForce)
		}
		return err
	})
	return keys, err
}
