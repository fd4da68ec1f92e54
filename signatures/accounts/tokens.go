package accounts

import (
	"context"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/signatures"
	"veribatch/signatures/identity"
)

// ApproveToken lets a machine begin to write: QA signs for what the token may do, so that no administrator alone makes records of the process.
type ApproveToken struct {
	Account string `json:"account" form:"-"`
	Token   string `json:"token" form:"-" doc:"id of the token"`
}

// Act is the word of the act.
func (ApproveToken) Act() string { return "token.approve" }

// Home is the stream of the service account.
func (c ApproveToken) Home() audit.Stream {
	if uuid.Validate(c.Account) == nil {
		return identity.StreamOf(c.Account)
	}
	return audit.Site
}

var (
	_ = audit.Explain("token_approvals_once", fault.Conflict, "This token was approved already.")
	_ = audit.Explain("token_approvals_by_another", fault.Refused, "You made this token yourself. Another person, of QA, approves it.")
	_ = audit.Explain("token_approvals_by_qa", fault.Refused, "A token is approved by QA of the whole site.")
	_ = audit.Explain("token_approvals_live", fault.Conflict, "This token was revoked or has expired.")
)

const waitingToken = `select p.full_name || ' (' || p.user_name || ')', t.purpose, t.acts, t.area, t.expires_at, i.full_name, ebr.token_waits(t.id)
	from ebr.tokens t join ebr.people p on p.id = t.account join ebr.people i on i.id = t.issued_by
	where t.id = @token and t.account = @account and t.revoked_at is null and t.expires_at > clock_timestamp()`

// Statement is what the token lets the machine do, where and until when.
func (c ApproveToken) Statement(ctx context.Context, q audit.Querier) (st signatures.Statement, err error) {
	none := fault.New(fault.Missing, "There is no such token, or it was revoked or has expired.")
	if uuid.Validate(c.Token) != nil || uuid.Validate(c.Account) != nil {
		return st, none
	}
	var machine, purpose, area, maker string
	var acts []string
	var expires time.Time
	var waits bool
	rows, err := q.Query(ctx, waitingToken, pgx.NamedArgs{"token": c.Token, "account": c.Account})
	if err != nil {
		return st, err
	}
	tag, err := pgx.ForEachRow(rows, []any{&machine, &purpose, &acts, &area, &expires, &maker, &waits}, func() error { return nil })
	switch {
	case err != nil:
		return st, err
	case tag.RowsAffected() == 0:
		return st, none
	case !waits:
		return st, fault.New(fault.Conflict, "This token waits for no approval.")
	}
	if area == "*" {
		area = "the whole plant"
	}
	return signatures.Statement{
		Version: signatures.StatementVersion, Act: c.Act(), Meaning: "approved", Language: "en",
		Records: []signatures.RecordRef{{Stream: string(c.Home()), ID: c.Token, Version: 1}},
		Lines: []signatures.Line{
			{Label: "Machine", Value: machine}, {Label: "Purpose", Value: purpose}, {Label: "May do", Value: strings.Join(acts, ", ")}, {Label: "Where", Value: area},
			{Label: "Until", Value: expires.UTC().Format(time.RFC3339)}, {Label: "Made by", Value: maker},
		},
	}, nil
}

const insertTokenApproval = `insert into ebr.token_approvals (id, token, approved_by, approved_at, signature) values (@id, @token, @person, @now, @signature)`

// Do keeps the approval, signed.
func (c ApproveToken) Do(ctx context.Context, tx *audit.Tx) error {
	st, err := c.Statement(ctx, tx)
	if err != nil {
		return err
	}
	signature, err := signatures.Sign(ctx, tx, st)
	if err != nil {
		return err
	}
	tx.Note("meaning", st.Meaning)
	tx.Note("acts", st.Lines[2].Value)
	tx.Result(identity.TokenMade{Token: c.Token, Account: c.Account})
	_, err = tx.Exec(ctx, insertTokenApproval, pgx.NamedArgs{
		"id": audit.NewID(), "token": c.Token, "person": tx.Actor().Person, "now": tx.Now(), "signature": signature.ID,
	})
	return err
}
