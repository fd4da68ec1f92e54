package recipes_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/recipes"
	"veribatch/signatures"
	"veribatch/signatures/signtest"
)

// attack runs SQL as the server's role, past all rules in Go: under a plain entry, or under one in which the statement is signed, whose
// signature is then the last argument. It gives SQLSTATE and constraint of the refusal.
func (o *office) attack(who signtest.Person, act, id string, signed *signatures.Statement, sql string, args ...any) string {
	o.T.Helper()
	in := audit.Intent{Session: who.Token, Act: act, Home: recipes.StreamOf(id)}
	if signed != nil {
		in.Ticket = o.Ticket(who, who, *signed)
	}
	_, err := o.Trail.Change(o.Ctx, in, func(tx *audit.Tx) error {
		if signed != nil {
			s, err := signatures.Sign(o.Ctx, tx, *signed)
			if err != nil {
				return err
			}
			args = append(args, s.ID)
		}
		for i, a := range args {
			if a == "now" {
				args[i] = tx.Now()
			}
		}
		_, err := tx.Exec(o.Ctx, sql, args...)
		return err
	})
	var pg *pgconn.PgError
	require.True(o.T, errors.As(err, &pg), "%s: %v", sql, err)
	return strings.TrimSpace(pg.Code + " " + pg.ConstraintName)
}

const (
	forgeApproval = `update ebr.recipe_versions set state = 'approved', approved_by = $2, approved_at = $3, approve_signature = $4, version = version + 1 where id = $1`
	forgeImport   = `insert into ebr.recipe_versions (id, recipe, number, title, product, state, digest, created_by, created_at)
		select recipe || '-2', recipe, 2, title, product, $2, digest, $3, $4 from ebr.recipe_versions where id = $1`
)

// TestThreePersonsInTheDatabase goes around Go as the server's role: PostgreSQL refuses the same.
func TestThreePersonsInTheDatabase(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	id := o.importText(o.both, text())
	require.NoError(t, o.Sign(o.both, recipes.Submit{Version: id}))
	signature := o.get(id).Submitted.Signature
	st, err := o.Shown(recipes.Approve{Version: id})
	require.NoError(t, err)
	const approve, yesterday = "recipe.approve", "2026-01-01T00:00:00Z"
	for why, c := range map[string]struct{ got, want string }{
		"the author approves":          {o.attack(o.both, approve, id, &st, forgeApproval, id, o.both.ID, "now"), "23514 recipe_versions_three_persons"},
		"approved without a signature": {o.attack(o.sue, approve, id, nil, forgeApproval, id, o.sue.ID, "now", nil), "VB022"},
		"with the author's signature":  {o.attack(o.sue, approve, id, nil, forgeApproval, id, o.sue.ID, "now", signature), "VB022"},
		"in another person's name":     {o.attack(o.sue, approve, id, &st, forgeApproval, id, o.quinn.ID, "now"), "VB022"},
		"at another time":              {o.attack(o.sue, approve, id, &st, forgeApproval, id, o.sue.ID, yesterday), "VB022"},
		"under another act":            {o.attack(o.pete, "recipe.submit", id, nil, forgeApproval, id, o.pete.ID, "now", nil), "VB022"},
		"imported in another's name":   {o.attack(o.pete, "recipe.import", id, nil, forgeImport, id, "draft", o.penny.ID, "now"), "VB022"},
		"imported at another time":     {o.attack(o.pete, "recipe.import", id, nil, forgeImport, id, "draft", o.pete.ID, yesterday), "VB022"},
		"imported as effective":        {o.attack(o.pete, "recipe.import", id, nil, forgeImport, id, "effective", o.pete.ID, "now"), "VB022"},
		"superseded by an approval":    {o.attack(o.sue, approve, id, nil, `update ebr.recipe_versions set state = 'superseded', version = version + 1 where id = $1`, id), "VB022"},
		"effective without approval":   {o.attack(o.sue, approve, id, nil, `update ebr.recipe_versions set state = 'effective', version = version + 1 where id = $1`, id), "VB022"},
		"back to a draft":              {o.attack(o.sue, approve, id, nil, `update ebr.recipe_versions set state = 'draft', version = version + 1 where id = $1`, id), "VB022"},
		"a change without a move":      {o.attack(o.sue, approve, id, nil, `update ebr.recipe_versions set version = version + 1 where id = $1`, id), "VB022"},
		"another title":                {o.attack(o.sue, approve, id, nil, `update ebr.recipe_versions set state = 'approved', title = 'x', version = version + 1 where id = $1`, id), "VB022"},
		"another text":                 {o.attack(o.sue, approve, id, nil, `update ebr.recipe_versions set state = 'approved', digest = sha256('x'), version = version + 1 where id = $1`, id), "VB022"},
		"deleted":                      {o.attack(o.sue, approve, id, nil, `delete from ebr.recipe_versions where id = $1`, id), "42501"},
	} {
		require.Equal(t, c.want, c.got, why)
	}
	require.Equal(t, "1 in_review", o.states())
	o.clean()
}

// TestOneMovePerEntry: a version that became effective in an entry is not superseded in the same one.
func TestOneMovePerEntry(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	id := o.importText(o.pete, text())
	require.NoError(t, o.Sign(o.pete, recipes.Submit{Version: id}))
	require.NoError(t, o.Sign(o.sue, recipes.Approve{Version: id}))
	st, err := o.Shown(recipes.MakeEffective{Version: id})
	require.NoError(t, err)
	in := audit.Intent{Session: o.quinn.Token, Ticket: o.Ticket(o.quinn, o.quinn, st), Act: "recipe.make_effective", Home: recipes.StreamOf(id)}
	_, err = o.Trail.Change(o.Ctx, in, func(tx *audit.Tx) error {
		if err := (recipes.MakeEffective{Version: id}).Do(o.Ctx, tx); err != nil {
			return err
		}
		_, err := tx.Exec(o.Ctx, `update ebr.recipe_versions set state = 'superseded', superseded_at = $2, version = version + 1 where id = $1`, id, tx.Now())
		return err
	})
	var pg *pgconn.PgError
	require.True(t, errors.As(err, &pg), "%v", err)
	require.Equal(t, "VB022", pg.Code)
	require.Equal(t, "1 approved", o.states())
}

// TestVerifySignatures: signatures that a database administrator moves to other records, and a text that is taken away, are found.
func TestVerifySignatures(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	id := o.importText(o.pete, text())
	require.NoError(t, o.Sign(o.pete, recipes.Submit{Version: id}))
	require.NoError(t, o.Sign(o.sue, recipes.Approve{Version: id}))
	placed, found := o.verify()
	require.Equal(t, 2, placed)
	require.Empty(t, found)
	super := o.DB.Super(t)
	_, err := super.Exec(o.Ctx, `set session_replication_role = replica; alter table ebr.recipe_versions disable trigger user; alter table audit.contents disable trigger user;
		update ebr.recipe_versions set submit_signature = approve_signature, approve_signature = submit_signature`)
	require.NoError(t, err)
	_, found = o.verify()
	require.Len(t, found, 2)
	require.Contains(t, found[0], "does not cover version 1 of "+id)
	_, err = super.Exec(o.Ctx, `delete from audit.contents c using ebr.recipe_versions v where v.digest = c.digest`)
	require.NoError(t, err)
	_, found = o.verify()
	require.Len(t, found, 3)
	require.Contains(t, found[0], "is not kept")
}

func (o *office) verify() (placed int, found []string) {
	o.T.Helper()
	require.NoError(o.T, o.Trail.Read(o.Ctx, func(r *audit.Reader) (err error) {
		placed, err = recipes.VerifySignatures(o.Ctx, r, func(row string, why error) { found = append(found, row+": "+why.Error()) })
		return err
	}))
	return placed, found
}
