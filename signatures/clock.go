package signatures

import (
	"context"
	"fmt"
	"time"

	"veribatch/audit"
	"veribatch/internal/fault"
)

// ClockBound is how far the clocks of server and database may be apart while people sign: a signature carries its time (21 CFR 11.50(a)(2)). No
// configuration makes it wider.
const ClockBound = 2 * time.Second

// errSetBack refuses a signature whose ticket is of a later time than its act. The guard of ebr.signatures says the same of a database behind its trail.
var (
	errSetBack = fault.New(fault.Refused, "The clock of the database was set back, so nothing can be signed now. Entries without a signature go on. Call IT, and sign when the clock is right.")

	_ = audit.Explain("signatures_clock", fault.Refused, errSetBack.Message)
)

// ClockBar refuses signatures while the clocks of server and database, or of server and time server where there is one, are further apart than ClockBound.
func ClockBar(ctx context.Context, trail *audit.Trail, q audit.Querier) error {
	if trail.Outside != nil {
		if apart := trail.Outside(); apart.Abs() > ClockBound {
			return fault.New(fault.Refused, "The clock of the server and the time server are %s apart, so nothing can be signed now. Entries without a signature go on. Call IT, and sign when the clocks agree.", InWords(apart))
		}
	}
	apart, err := trail.Apart(ctx, q)
	if err != nil || apart.Abs() <= ClockBound {
		return err
	}
	return fault.New(fault.Refused, "The clocks of server and database are %s apart, so nothing can be signed now. Entries without a signature go on. Call IT, and sign when the clocks agree.", InWords(apart))
}

// InWords gives a difference of clocks as people say it.
func InWords(apart time.Duration) string {
	if apart = apart.Abs(); apart < time.Minute {
		return apart.Round(100 * time.Millisecond).String()
	}
	if days := int(apart / (24 * time.Hour)); days > 1 { // a flat battery, a wrong year
		return fmt.Sprintf("%d d", days)
	}
	return apart.Round(time.Second).String()
}
