package accounts

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/internal/plaintext"
	"veribatch/signatures"
	"veribatch/signatures/identity"
)

// ConfirmIdentity says that the signer has seen the person with a document (21 CFR 11.100(b)). The signer is neither the person nor who made
// or reset the account, and gets the code that opens the account: nobody alone can open one and act in somebody else's name.
type ConfirmIdentity struct {
	Person    string `json:"person" form:"-"`
	Document  string `json:"document" form:"document"`     // one of Documents
	CheckedOn string `json:"checked_on" form:"checked_on"` // the day, 2026-11-22
	Note      string `json:"note" form:"note"`
}

// Documents are the kinds of documents by which an identity is checked. Their numbers are not kept: they prove nothing more here.
func Documents() []string {
	return []string{"identity card", "passport", "driving licence", "residence permit", "works badge with photograph"}
}

// Act is the word of the act.
func (ConfirmIdentity) Act() string { return "person.confirm_identity" }

// Home is the stream of the person.
func (c ConfirmIdentity) Home() audit.Stream { return home(c.Person) }

// Statement is what the checker reads and signs.
func (c ConfirmIdentity) Statement(ctx context.Context, q audit.Querier) (signatures.Statement, error) {
	if c.Home() == audit.Site {
		return signatures.Statement{}, missing()
	}
	p, err := Find(ctx, q, c.Person)
	if err != nil {
		return signatures.Statement{}, err
	}
	now, err := audit.DatabaseTime(ctx, q)
	if err != nil {
		return signatures.Statement{}, err
	}
	note, _, err := c.clean(now)
	if err != nil {
		return signatures.Statement{}, err
	}
	return signatures.Statement{
		Version: signatures.StatementVersion, Act: c.Act(), Meaning: "identity confirmed", Language: "en",
		Records: []signatures.RecordRef{{Stream: string(c.Home()), ID: p.ID, Version: p.Version}},
		Lines: []signatures.Line{
			{Label: "Person", Value: p.FullName}, {Label: "User name", Value: p.UserName}, {Label: "Roles", Value: roleWords(p.Roles)}, {Label: "Document seen", Value: c.Document},
			{Label: "Checked on", Value: c.CheckedOn}, {Label: "Note", Value: note},
			{Label: "I confirm", Value: "I met this person and compared the person with the document. The account belongs to this person alone."},
		},
	}, nil
}

// clean judges what was typed.
func (c ConfirmIdentity) clean(now time.Time) (note string, day time.Time, err error) {
	if !slices.Contains(Documents(), c.Document) {
		return "", day, fault.At("document", "Choose the document that you have seen.")
	}
	if day, err = time.Parse(time.DateOnly, c.CheckedOn); err != nil {
		return "", day, fault.At("checked_on", "Type the day of the check like 2026-11-22.")
	}
	if age := now.Sub(day); age < -14*time.Hour || age > 31*24*time.Hour { // the day is one of some zone
		return "", day, fault.At("checked_on", "The check is recorded on its day, at the latest a month later, and never before it.")
	}
	note, err = plaintext.Clean("note", c.Note, 400)
	return note, day, err
}

func roleWords(roles []string) string {
	if len(roles) == 0 {
		return "none"
	}
	return strings.ReplaceAll(strings.Join(roles, ", "), "_", " ")
}

const insertCheck = `insert into ebr.identity_checks (id, person, document, checked_on, note, checked_by, checked_at, founding, signature, person_version)
	values (@id, @person, @document, @day, @note, @by, @now, not ebr.identity_confirmed(@by), @signature, @seen)`

// Do keeps the check. Its code is shown at the screen of the session, which therefore has to be the checker's own.
func (c ConfirmIdentity) Do(ctx context.Context, tx *audit.Tx) error {
	p, err := atWork(ctx, tx, c.Person)
	if err != nil {
		return err
	}
	actor := tx.Actor()
	switch {
	case actor.Person == c.Person:
		return fault.New(fault.Refused, "Nobody confirms the own identity. Ask a colleague.")
	case actor.SessionPerson != actor.Person:
		return fault.New(fault.Refused, "Sign this in your own session: the code for %s is shown there, and nobody else may see it.", p.FullName)
	}
	note, day, err := c.clean(tx.Now())
	if err != nil {
		return err
	}
	st, err := c.Statement(ctx, tx)
	if err != nil {
		return err
	}
	signature, err := signatures.Sign(ctx, tx, st)
	if err != nil {
		return err
	}
	id := audit.NewID()
	_, err = tx.Exec(ctx, insertCheck, pgx.NamedArgs{
		"id": id, "person": c.Person, "document": c.Document, "day": day, "note": note, "by": actor.Person, "now": tx.Now(), "signature": signature.ID,
		"seen": p.Version,
	})
	if err != nil {
		return err
	}
	tx.Note("person", p.FullName+" ("+p.UserName+")")
	tx.Note("meaning", st.Meaning)
	tx.Result(Result{c.Person})
	return identity.Checked(ctx, tx, c.Person, id)
}
