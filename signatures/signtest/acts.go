package signtest

import (
	"context"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/signatures"
)

// Command is what every act is.
type Command interface {
	Act() string
	Home() audit.Stream
	Do(ctx context.Context, tx *audit.Tx) error
}

// Signed is an act with a statement.
type Signed interface {
	Command
	Statement(ctx context.Context, q audit.Querier) (signatures.Statement, error)
}

// Run carries out an act in somebody's session with its reason and its further subjects, as the web handlers do.
func (w *World) Run(who Person, ticket string, c Command) (audit.Receipt, error) {
	in := audit.Intent{Session: who.Token, Ticket: ticket, Act: c.Act(), Home: c.Home(), Key: audit.NewID(), Command: c}
	if because, ok := c.(interface{ Why() string }); ok {
		in.Reason = because.Why()
	}
	if others, ok := c.(interface{ Also() []audit.Stream }); ok {
		in.Also = others.Also()
	}
	if others, ok := c.(interface {
		AlsoNow(ctx context.Context, q audit.Querier) ([]audit.Stream, error)
	}); ok {
		require.NoError(w.T, w.Trail.Read(w.Ctx, func(r *audit.Reader) (err error) {
			in.Also, err = others.AlsoNow(w.Ctx, r)
			return err
		}))
	}
	return w.Trail.Change(w.Ctx, in, func(tx *audit.Tx) error { return c.Do(w.Ctx, tx) })
}

// Do carries out an act that must pass.
func (w *World) Do(who Person, c Command) audit.Receipt {
	w.T.Helper()
	receipt, err := w.Run(who, "", c)
	require.NoError(w.T, err, "%s %+v", c.Act(), c)
	return receipt
}

// Shown gives the statement as the dialog shows it.
func (w *World) Shown(c Signed) (st signatures.Statement, err error) {
	err = w.Trail.Read(w.Ctx, func(r *audit.Reader) (err error) {
		st, err = c.Statement(w.Ctx, r)
		return err
	})
	return st, err
}

// TicketFor shows the statement of an act and takes the signer's password, in the session of at.
func (w *World) TicketFor(at, signer Person, c Signed) (string, error) {
	st, err := w.Shown(c)
	if err != nil {
		return "", err
	}
	return w.Desk.Issue(w.Ctx, signatures.Request{Session: at.Token, UserName: signer.UserName, Password: signer.Password, Statement: st})
}

// Ticket gives a ticket of the signer for the statement, in the session of at.
func (w *World) Ticket(at, signer Person, st signatures.Statement) string {
	w.T.Helper()
	ticket, err := w.Desk.Issue(w.Ctx, signatures.Request{Session: at.Token, UserName: signer.UserName, Password: signer.Password, Statement: st})
	require.NoError(w.T, err)
	return ticket
}

// SignAt carries out a signed act with the signature of one person in the session of another, or their own.
func (w *World) SignAt(at, signer Person, c Signed) (audit.Receipt, error) {
	ticket, err := w.TicketFor(at, signer, c)
	if err != nil {
		return audit.Receipt{}, err
	}
	return w.Run(at, ticket, c)
}

// Sign carries out a signed act in the session of its signer.
func (w *World) Sign(who Person, c Signed) error {
	_, err := w.SignAt(who, who, c)
	return err
}

// MustSign carries out a signed act that must pass.
func (w *World) MustSign(who Person, c Signed) {
	w.T.Helper()
	require.NoError(w.T, w.Sign(who, c), "%s %+v", c.Act(), c)
}
