package accounts

import (
	"context"
	"errors"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/internal/plaintext"
	"veribatch/signatures"
)

// Accountability is one version of the statement by which people answer for what they do under their electronic signature
// (21 CFR 11.10(j), 11.100(c)). The newest is in force.
type Accountability struct {
	ID          string
	Number      int
	Text        string
	PublishedBy string // printed name; "" for the words that a new plant comes with
	PublishedAt time.Time
	Signed      int // people at work who have signed it
}

const accountabilityColumns = `select v.id::text, v.number, v.text, coalesce(p.full_name, ''), v.published_at,
	(select count(*) from ebr.accountability_signatures s join ebr.people q on q.id = s.person where s.accountability = v.id and q.active)::int
	from ebr.accountability_versions v left join ebr.people p on p.id = v.published_by order by v.number desc `

const (
	accountabilityInForce = accountabilityColumns + `limit 1`
	accountabilityAll     = accountabilityColumns + `limit 100`
)

// InForce gives the version that counts.
func InForce(ctx context.Context, q audit.Querier) (a Accountability, err error) {
	all, err := collect[Accountability](ctx, q, accountabilityInForce, pgx.NamedArgs{})
	if err == nil && len(all) == 0 {
		err = errors.New("accounts: the plant has no accountability statement")
	}
	if err != nil {
		return a, err
	}
	return all[0], nil
}

// Versions gives all versions, the newest first.
func Versions(ctx context.Context, q audit.Querier) ([]Accountability, error) {
	return collect[Accountability](ctx, q, accountabilityAll, pgx.NamedArgs{})
}

const signedAt = `select s.signed_at from ebr.accountability_signatures s where s.person = @person and s.accountability = @accountability`

// SignedAt tells when a person signed a version; the zero time when never.
func (a Accountability) SignedAt(ctx context.Context, q audit.Querier, person string) (at time.Time, err error) {
	err = q.QueryRow(ctx, signedAt, pgx.NamedArgs{"person": person, "accountability": a.ID}).Scan(&at)
	if errors.Is(err, pgx.ErrNoRows) {
		return time.Time{}, nil
	}
	return at, err
}

// Sign accepts the statement in force; each person signs each version, before any other signature.
type Sign struct {
	Number int `json:"number" form:"number"` // the version that was shown
}

// Publish puts a new version in force, in the firm's own words. From then on everybody signs it before any other signature.
type Publish struct {
	Text   string `json:"text" form:"text"`
	Reason string `json:"reason" form:"reason"`
}

// Act is the word of the act.
func (Sign) Act() string { return "accountability.sign" }

// Act is the word of the act.
func (Publish) Act() string { return "accountability.publish" }

// Home is the plant: its statement belongs to nobody alone.
func (Sign) Home() audit.Stream { return audit.Site }

// Home is the plant: its statement belongs to nobody alone.
func (Publish) Home() audit.Stream { return audit.Site }

// Why is the reason given.
func (c Publish) Why() string { return reason(c.Reason) }

// Statement is the text itself.
func (c Sign) Statement(ctx context.Context, q audit.Querier) (signatures.Statement, error) {
	a, err := InForce(ctx, q)
	if err != nil {
		return signatures.Statement{}, err
	}
	if a.Number != c.Number {
		return signatures.Statement{}, fault.New(fault.Conflict, "A new version of the statement is in force since you opened it. Read it again.")
	}
	return signatures.Statement{
		Version: signatures.StatementVersion, Act: c.Act(), Meaning: "accountability accepted", Language: "en",
		Records: []signatures.RecordRef{{Stream: string(audit.Site), ID: a.ID, Version: 1}},
		Lines:   []signatures.Line{{Label: "Accountability statement", Value: "version " + strconv.Itoa(a.Number)}, {Label: "Text", Value: a.Text}},
	}, nil
}

const insertAccountabilitySignature = `insert into ebr.accountability_signatures (id, person, accountability, signature, signed_at) values (@id, @person, @accountability, @signature, @now)`

// Do keeps the signature of the person.
func (c Sign) Do(ctx context.Context, tx *audit.Tx) error {
	st, err := c.Statement(ctx, tx)
	if err != nil {
		return err
	}
	signature, err := signatures.Sign(ctx, tx, st)
	if err != nil {
		return err
	}
	tx.Note("version", strconv.Itoa(c.Number))
	tx.Note("meaning", st.Meaning)
	_, err = tx.Exec(ctx, insertAccountabilitySignature, pgx.NamedArgs{
		"id": audit.NewID(), "person": tx.Actor().Person, "accountability": st.Records[0].ID, "signature": signature.ID, "now": tx.Now(),
	})
	return err
}

// Statement is the new text beside the version that it replaces.
func (c Publish) Statement(ctx context.Context, q audit.Querier) (signatures.Statement, error) {
	a, err := InForce(ctx, q)
	if err != nil {
		return signatures.Statement{}, err
	}
	text, err := c.clean(a)
	if err != nil {
		return signatures.Statement{}, err
	}
	return signatures.Statement{
		Version: signatures.StatementVersion, Act: c.Act(), Meaning: "published", Language: "en",
		Records: []signatures.RecordRef{{Stream: string(audit.Site), ID: a.ID, Version: 1}},
		Lines: []signatures.Line{
			{Label: "Accountability statement", Value: "version " + strconv.Itoa(a.Number+1) + ", replaces version " + strconv.Itoa(a.Number)}, {Label: "Text", Value: text},
			{Label: "Effect", Value: "Everybody reads and signs this version before the next signature."}, {Label: "Reason", Value: reason(c.Reason)},
		},
	}, nil
}

func (c Publish) clean(now Accountability) (string, error) {
	if err := wanted(c.Reason); err != nil {
		return "", err
	}
	text, err := plaintext.CleanLines("text", c.Text, 6000)
	switch {
	case err != nil:
		return "", err
	case utf8.RuneCountInString(text) < 40:
		return "", fault.At("text", "Write the whole statement that everybody signs.")
	case text == now.Text:
		return "", fault.At("text", "This is the text that is in force already.")
	}
	return text, nil
}

const insertAccountability = `insert into ebr.accountability_versions (id, number, text, published_by, published_at, signature)
	select @id, max(number) + 1, @text, @by, @now, @signature from ebr.accountability_versions`

// Do puts the new version in force.
func (c Publish) Do(ctx context.Context, tx *audit.Tx) error {
	st, err := c.Statement(ctx, tx)
	if err != nil {
		return err
	}
	signature, err := signatures.Sign(ctx, tx, st)
	if err != nil {
		return err
	}
	tx.Note("meaning", st.Meaning)
	_, err = tx.Exec(ctx, insertAccountability, pgx.NamedArgs{"id": audit.NewID(), "text": st.Lines[1].Value, "by": tx.Actor().Person, "now": tx.Now(), "signature": signature.ID})
	return err
}
