package checkpoint

import (
	"time"

	"veribatch/internal/fault"
)

// Why a signer refuses. All but Behind mean that something is wrong with the log, a clock, or the signer itself.
const (
	Behind  = "behind"  // the log knows an older checkpoint of this signer than its memory does; Refusal.Last has the newer one
	Smaller = "smaller" // the tree is smaller than one that was signed: a database that was put back, or a log that was cut
	Forked  = "forked"  // the same size, another root
	Proof   = "proof"   // the tree does not grow from the one that was signed
	Origin  = "origin"  // another log
	Time    = "time"    // not after the last one
	Clock   = "clock"   // the times of log and signer are apart
	Lost    = "lost"    // checkpoints of this log exist, and the memory does not know them
	Damaged = "damaged" // the memory cannot be read or is not what this key signed
	Form    = "form"    // no checkpoint
)

// Refusal is the answer of a signer that does not sign.
type Refusal struct {
	Code  string
	Asked Checkpoint // what was to be signed
	Last  Checkpoint // what the signer remembers; Size 0 when nothing
	Note  []byte     // Last as it was signed
	At    time.Time  // of Last
	Cause error      // for the log
}

// Error says it in one sentence.
func (r *Refusal) Error() string {
	if r.Cause != nil {
		return r.Fault().Message + ": " + r.Cause.Error()
	}
	return r.Fault().Message
}

// Unwrap gives the cause.
func (r *Refusal) Unwrap() error { return r.Cause }

// Fault says it to people.
func (r *Refusal) Fault() *fault.Error {
	at := r.At.UTC().Format("2006-01-02 15:04:05 UTC")
	switch r.Code {
	case Behind:
		return fault.New(fault.Refused, "The signer has signed a newer checkpoint of this log, of %d leaves at %s.", r.Last.Size, at)
	case Smaller:
		return fault.New(fault.Refused, "The signer refuses a log of %d leaves: it signed %d leaves at %s. Leaves %d to %d are missing: the database was put back to an earlier state, or entries were removed.",
			r.Asked.Size, r.Last.Size, at, r.Asked.Size, r.Last.Size-1)
	case Forked:
		return fault.New(fault.Refused, "The signer refuses another log of %d leaves than the one it signed at %s: entries were replaced.", r.Asked.Size, at)
	case Proof:
		return fault.New(fault.Refused, "The signer refuses a log of %d leaves that does not grow from the %d leaves it signed at %s: entries were replaced.", r.Asked.Size, r.Last.Size, at)
	case Origin:
		return fault.New(fault.Refused, "The signer refuses the log %s: it signs for %s.", r.Asked.Origin, r.Last.Origin)
	case Time:
		return fault.New(fault.Refused, "The signer refuses a checkpoint that is not dated after the last one, of %s: a clock was set back.", at)
	case Clock:
		return fault.New(fault.Refused, "The signer refuses a checkpoint whose time is more than a minute away from its own clock.")
	case Lost:
		return fault.New(fault.Refused, "The signer has lost its memory: this log has checkpoints of which it knows nothing. It signs no more until QA has the log continued.")
	case Damaged:
		return fault.New(fault.Refused, "The memory of the signer is damaged. It signs no more until the memory is brought back or QA has the log continued.")
	}
	return fault.New(fault.Refused, "The signer was asked for something that is no checkpoint.")
}
