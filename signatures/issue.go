package signatures

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/signatures/identity"
	"veribatch/signatures/keyring"
)

// TicketLife is how long a ticket waits for its act, from the password to the commit.
const TicketLife = 60 * time.Second

// Desk turns a password into a ticket: everything about a signature that is slow or needs the key happens here, before the transaction of
// the act, so that nothing slow runs while the head of a stream is locked.
type Desk struct {
	Trail *audit.Trail
	Gate  *identity.Gate
	Key   *keyring.File
	Seals Sealer         // seals the signatures; nil is the site key
	Zone  *time.Location // zone in which times of signatures are written; nil is the machine's
}

// Request is what comes from the signing dialog: both components (21 CFR 11.200(a)(1)), given each time, and the statement that was shown. The
// user name may be left out in a series of signatures, where that is configured: then the person of the session signs.
type Request struct {
	Session   string // secret token of the session at whose station the person signs; it may be another person's session
	UserName  string
	Password  string
	Statement Statement
}

// Issue verifies the password and gives the id of a ticket for this statement, for audit.Intent.Ticket. The ticket holds once, for 60
// seconds, for this session, act and statement. Every refusal is an entry of the station, one each, with the record among its subjects.
func (d Desk) Issue(ctx context.Context, r Request) (ticket string, err error) {
	content, err := r.Statement.Canonical()
	if err != nil {
		return "", err
	}
	s, err := d.Gate.Peek(ctx, r.Session)
	if err != nil {
		return "", err
	}
	p, err := d.prove(ctx, s, r)
	if err != nil {
		return "", errors.Join(err, d.refuse(ctx, s, p, r.Statement, err))
	}
	digest, err := r.Statement.Digest()
	if err != nil {
		return "", err
	}
	m := Manifest{
		Statement: digest.String(), Act: r.Statement.Act, Meaning: r.Statement.Meaning, Person: p.Person, UserName: p.UserName, FullName: p.FullName,
		CredentialVersion: p.CredentialVersion, Session: s.ID, Station: s.Station,
	}
	if r.inSeries(s) {
		m.Components = inSeries
	}
	ticket, err = d.store(ctx, m, content, digest)
	if errors.Is(err, errSealer) {
		err = errors.Join(err, d.refuse(ctx, s, p, r.Statement, err))
	}
	return ticket, err
}

var errSealer = errors.New("the key that seals signatures cannot be reached")

// sealerAway refuses a signature while the key that seals signatures cannot be reached.
func sealerAway(why error) error {
	return fault.New(fault.NotReady, "The key that seals signatures cannot be reached, so nothing was signed. Entries without a signature go on. Sign again in a minute; when it still does not work, call IT.").
		Because(errors.Join(errSealer, why))
}

// Sealer is the key that seals signatures.
func (d Desk) Sealer() Sealer {
	if d.Seals != nil {
		return d.Seals
	}
	return d.Key
}

// inSeries tells whether the signature goes on with a series of the session's person.
func (r Request) inSeries(s identity.Session) bool { return r.UserName == "" && s.Series }

// prove verifies the password and what else stands against signing now.
func (d Desk) prove(ctx context.Context, s identity.Session, r Request) (identity.Proof, error) {
	if s.Locked {
		return identity.Proof{}, fault.New(fault.Unauthenticated, "This station is locked. Unlock it first, then sign.")
	}
	name := r.UserName
	switch {
	case r.inSeries(s):
		name = s.UserName
	case name == "":
		return identity.Proof{}, fault.New(fault.Unauthenticated, "Sign with user name and password: there is no series of signatures in this session, or it has ended.")
	}
	p, err := d.Gate.Prove(ctx, name, r.Password)
	if err == nil && p.MustChange {
		err = fault.New(fault.Refused, "%s has to set a new password before signing. Log in and change it.", p.FullName)
	}
	if err == nil {
		err = d.bar(ctx, p, r.Statement.Act)
	}
	return p, err
}

// ErrUnaccountable refuses a signature before the accountability statement in force (21 CFR 11.10(j)); ErrUnconfirmed refuses one of a person
// whose identity nobody has checked (21 CFR 11.100(b)). The guard of ebr.signatures says the same.
var (
	ErrUnconfirmed   = fault.New(fault.Refused, "Nobody has confirmed the identity of the signer yet. A supervisor or QA does that, with a document; then sign.")
	ErrUnaccountable = fault.New(fault.Refused, "The signer has not signed the accountability statement in force. Log in, read and sign it, then sign here.")

	_ = audit.Explain("signatures_identity", fault.Refused, ErrUnconfirmed.Message)
	_ = audit.Explain("signatures_accountability", fault.Refused, ErrUnaccountable.Message)
)

const signingBar = `select coalesce(ebr.signing_bar(@person, @act), '')`

// Bar says what stands between a person and a signature for the act: ErrUnconfirmed, ErrUnaccountable, or nothing.
func Bar(ctx context.Context, q audit.Querier, person, act string) error {
	var bar string
	if err := q.QueryRow(ctx, signingBar, pgx.NamedArgs{"person": person, "act": act}).Scan(&bar); err != nil {
		return err
	}
	switch bar {
	case "identity":
		return ErrUnconfirmed
	case "accountability":
		return ErrUnaccountable
	}
	return nil
}

func (d Desk) bar(ctx context.Context, p identity.Proof, act string) error {
	return d.Trail.Read(ctx, func(r *audit.Reader) error {
		if err := Bar(ctx, r, p.Person, act); err != nil {
			return err
		}
		return ClockBar(ctx, d.Trail, r)
	})
}

// refuse enters a refused signature: who held the session, whose name was given, which act on which record, and why.
func (d Desk) refuse(ctx context.Context, s identity.Session, p identity.Proof, st Statement, why error) error {
	in := audit.Intent{Session: s.Token, Act: st.Act, Home: audit.Stream(st.Records[0].Stream)}
	for _, r := range st.Records[1:] {
		in.Also = append(in.Also, audit.Stream(r.Stream))
	}
	if p.Person != "" {
		in.Also = append(in.Also, identity.StreamOf(p.Person))
	}
	return d.Trail.RefuseSignature(ctx, in, s.Station, why)
}

const insertTicket = `insert into ebr.tickets (id, session, person, credential_version, act, meaning, statement_digest, statement, manifest, manifest_signature,
	key_id, issued_at, expires_at)
	values (@id, @session, @person, @credential_version, @act, @meaning, @statement_digest, @statement, @manifest, @manifest_signature, @key_id, @now, @expires)`

// store seals the manifest at the database's time and keeps the ticket. No transaction waits for the key.
func (d Desk) store(ctx context.Context, m Manifest, statement []byte, digest Digest) (ticket string, err error) {
	ticket = audit.NewID()
	key := d.Sealer()
	err = d.Trail.OperateSingly(ctx, func(op *audit.Op) error {
		now, err := audit.DatabaseTime(ctx, op)
		if err != nil {
			return err
		}
		m.SignedAt = now.In(d.zone()).Format(manifestTime)
		manifest, signature, err := m.seal(ctx, key)
		if err != nil {
			return err
		}
		_, err = op.Exec(ctx, insertTicket, pgx.NamedArgs{
			"id": ticket, "session": m.Session, "person": m.Person, "credential_version": m.CredentialVersion, "act": m.Act, "meaning": m.Meaning,
			"statement_digest": digest[:], "statement": statement, "manifest": manifest, "manifest_signature": signature, "key_id": key.ID(),
			"now": now, "expires": now.Add(TicketLife),
		})
		return err
	})
	return ticket, err
}

func (d Desk) zone() *time.Location {
	if d.Zone == nil {
		return time.Local
	}
	return d.Zone
}
