package signatures

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/signatures/configuration"
	"veribatch/signatures/identity"
)

var (
	_ = audit.Explain("signatures_ticket_once", fault.Refused, "This signature was used already. Sign again.")
	_ = audit.Explain("signatures_manifest_once", fault.Refused, "This signature was used already. Sign again.")
)

// Sign turns the ticket of the running act into a stored signature. The domain command calls it with the statement that it has rebuilt
// from the rows it has locked; what differs in one byte from what was shown is a conflict (fault F83). The ticket is believed in nothing:
// its manifest is verified with the recorded public key and held against actor, session, act and time of this transaction.
func Sign(ctx context.Context, tx *audit.Tx, st Statement) (Signature, error) {
	if tx.Ticket() == "" {
		return Signature{}, fault.New(fault.Refused, "This act needs a signature: user name and password.")
	}
	content, err := st.Canonical()
	if err != nil {
		return Signature{}, err
	}
	t, err := readTicket(ctx, tx)
	if err != nil {
		return Signature{}, err
	}
	if !bytes.Equal(t.Statement, content) {
		return Signature{}, differs(t.Statement, st)
	}
	m, err := t.judge(tx)
	if err != nil {
		return Signature{}, err
	}
	if err := t.Verify(t.publicKey, st.Records[0]); err != nil {
		return Signature{}, err
	}
	if err := identity.Confirm(ctx, tx, m.Person, m.CredentialVersion); err != nil {
		return Signature{}, err
	}
	if err := series(ctx, tx, m); err != nil {
		return Signature{}, err
	}
	return t.Signature, keep(ctx, tx, t.Signature)
}

const (
	beginSeries = `update ebr.sessions set series_at = @now where id = @session and series_at is null and locked_at is null and ended_at is null`
	seriesGoes  = `select exists (select from ebr.sessions where id = @session and series_at is not null and locked_at is null and ended_at is null)`
)

// series begins a series of signatures with the first one that the person of the session gives with user name and password, and lets one that
// was given with the password alone pass only while the series goes on: the session was not locked since, and it is configured so.
func series(ctx context.Context, tx *audit.Tx, m Manifest) error {
	own, args := m.Person == tx.Actor().SessionPerson, pgx.NamedArgs{"session": tx.Session(), "now": tx.Now()}
	if m.Components != inSeries {
		if !own {
			return nil
		}
		_, err := tx.Exec(ctx, beginSeries, args)
		return err
	}
	settings, err := configuration.Read(ctx, tx)
	if err != nil {
		return err
	}
	var goes bool
	if err := tx.QueryRow(ctx, seriesGoes, args).Scan(&goes); err != nil {
		return err
	}
	if !own || !goes || !settings.SeriesSigning {
		return fault.New(fault.Refused, "The series of signatures has ended. Sign with user name and password.")
	}
	tx.Note("components", "password alone, in series")
	return nil
}

// differs tells a signature made for something else from one whose record has changed since it was shown.
func differs(shown []byte, now Statement) error {
	before, err := ParseStatement(shown)
	if err != nil {
		return broken("has a statement that cannot be read")
	}
	if before.Act != now.Act || before.Meaning != now.Meaning || !sameRecords(before, now) {
		return fault.New(fault.Refused, "This signature was given for something else (%s, %s). Sign what is shown now.", before.Act, before.Meaning)
	}
	return fault.New(fault.Conflict, "The record changed since you read it. Read it again, then sign what is shown now.")
}

func sameRecords(a, b Statement) bool {
	if len(a.Records) != len(b.Records) {
		return false
	}
	for i := range a.Records {
		if a.Records[i].Stream != b.Records[i].Stream || a.Records[i].ID != b.Records[i].ID {
			return false
		}
	}
	return true
}

// ticket is a row of ebr.tickets as a signature that is not stored yet, with the public key of its key id.
type ticket struct {
	Signature
	publicKey []byte
}

const ticketByID = `select t.person::text, t.act, t.meaning, t.statement_digest, t.statement, t.manifest, t.manifest_signature, t.key_id, t.issued_at, k.public_key
	from ebr.tickets t join ebr.signing_keys k on k.id = t.key_id where t.id = @ticket`

func readTicket(ctx context.Context, tx *audit.Tx) (ticket, error) {
	t := ticket{Signature: Signature{ID: audit.NewID()}}
	err := tx.QueryRow(ctx, ticketByID, pgx.NamedArgs{"ticket": tx.Ticket()}).Scan(&t.Person, &t.Act, &t.Meaning, &t.StatementDigest, &t.Statement, &t.Manifest,
		&t.ManifestSignature, &t.KeyID, &t.SignedAt, &t.publicKey)
	if errors.Is(err, pgx.ErrNoRows) {
		return t, fault.New(fault.Refused, "The signature was made with a key that is not recorded. Tell your administrator.")
	}
	t.FullName = tx.Actor().FullName
	return t, err
}

// judge holds the manifest against the transaction that wants to use it.
func (t ticket) judge(tx *audit.Tx) (m Manifest, err error) {
	if err := json.Unmarshal(t.Manifest, &m); err != nil {
		return m, broken("has a manifest that cannot be read")
	}
	at, err := time.Parse(manifestTime, m.SignedAt)
	switch actor := tx.Actor(); {
	case err != nil:
		return m, broken("has a time that cannot be read")
	case m.Person != actor.Person || m.UserName != actor.UserName || m.FullName != actor.FullName:
		return m, broken("was given by %s, and the act is done by %s", m.FullName, actor.FullName)
	case m.Act != tx.Act():
		return m, broken("was given for %s, and this is %s", m.Act, tx.Act())
	case m.Session != tx.Session() || m.Station != actor.Station:
		return m, broken("was given at another station or in another session")
	case at.Sub(tx.Now()) > ClockBound:
		return m, errSetBack
	case tx.Now().Sub(at) > TicketLife:
		return m, broken("is older than %d seconds; sign again", int(TicketLife.Seconds()))
	}
	return m, nil
}

const insertSignature = `insert into ebr.signatures (id, ticket, person, full_name, meaning, act, statement_digest, manifest_digest, manifest_signature, key_id, signed_at)
	values (@id, @ticket, @person, @full_name, @meaning, @act, @statement_digest, @manifest_digest, @manifest_signature, @key_id, @signed_at)`

// keep stores statement and manifest by digest, and the signature.
func keep(ctx context.Context, tx *audit.Tx, s Signature) error {
	statement, err := tx.Keep(ctx, s.Statement)
	if err != nil {
		return err
	}
	manifest, err := tx.Keep(ctx, s.Manifest)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, insertSignature, pgx.NamedArgs{
		"id": s.ID, "ticket": tx.Ticket(), "person": s.Person, "full_name": s.FullName, "meaning": s.Meaning, "act": s.Act, "statement_digest": statement,
		"manifest_digest": manifest, "manifest_signature": s.ManifestSignature, "key_id": s.KeyID, "signed_at": s.SignedAt,
	})
	return err
}
