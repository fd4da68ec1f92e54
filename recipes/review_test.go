package recipes_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/recipes"
	"veribatch/signatures/signtest"
)

func (o *office) comment(who signtest.Person, id, element, words string) error {
	_, err := o.Run(who, "", recipes.MakeComment{Version: id, Element: element, Words: words})
	return err
}

func TestCommentsAreResolvedBeforeApproval(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	id := o.importText(o.pete, text())
	require.NoError(t, o.Sign(o.pete, recipes.Submit{Version: id}))
	require.NoError(t, o.comment(o.sue, id, "040", "  Why 13.99?  "))
	require.NoError(t, o.comment(o.pete, id, "", "Because of the supplier."))
	said := o.get(id).Comments
	require.Len(t, said, 2)
	require.Equal(t, []string{"040", "Why 13.99?", o.sue.FullName}, []string{said[0].Element, said[0].Words, said[0].Made.FullName})

	err := o.Sign(o.quinn, recipes.Approve{Version: id})
	require.ErrorContains(t, err, "has open comments: 2, the first by "+o.sue.FullName)
	resolve := func(who signtest.Person, n int, resolution string) error {
		_, err := o.Run(who, "", recipes.ResolveComment{Version: id, Comment: said[n].ID, Resolution: resolution})
		return err
	}
	require.ErrorContains(t, resolve(o.sue, 0, " "), "Say how the comment is resolved")
	require.NoError(t, resolve(o.sue, 0, "It is right."))
	require.ErrorContains(t, resolve(o.quinn, 0, "It is right."), "was already resolved by "+o.sue.FullName)
	require.NoError(t, resolve(o.quinn, 1, "Understood."))
	require.NoError(t, o.Sign(o.quinn, recipes.Approve{Version: id}))
	require.NoError(t, o.comment(o.sue, id, "", "One more thing."))
	err = o.Sign(o.vera, recipes.MakeEffective{Version: id})
	require.ErrorContains(t, err, "has open comments: 1")
	said = o.get(id).Comments
	require.NoError(t, resolve(o.sue, 2, "Settled."))
	require.NoError(t, o.Sign(o.vera, recipes.MakeEffective{Version: id}))
	require.ErrorContains(t, o.comment(o.sue, id, "", "Too late."), "Comment on the next version")
}

func TestWhoWroteResolvesNothing(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	id := o.importText(o.both, text())
	require.NoError(t, o.comment(o.sue, id, "", "Why?"))
	said := o.get(id).Comments
	_, err := o.Run(o.both, "", recipes.ResolveComment{Version: id, Comment: said[0].ID, Resolution: "So it is."})
	require.ErrorContains(t, err, "Another person has to resolve")
	require.ErrorContains(t, o.comment(o.sue, id, "999", "Where?"), "There is no step 999")
	require.ErrorContains(t, o.comment(o.sue, id, "", "  "), "The comment is empty")
	_, err = o.Run(o.sue, "", recipes.ResolveComment{Version: id, Comment: audit.NewID(), Resolution: "x"})
	require.ErrorContains(t, err, "There is no such comment")
	o.clean()
}

func TestSentBackIsAnEnd(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	id := o.importText(o.pete, text())
	err := o.Sign(o.sue, recipes.SendBack{Version: id, Reason: "Limits too wide"})
	require.ErrorContains(t, err, "Only a version in review or approved is sent back")
	require.NoError(t, o.Sign(o.pete, recipes.Submit{Version: id}))
	err = o.Sign(o.sue, recipes.SendBack{Version: id})
	require.ErrorContains(t, err, "The reason is missing")
	require.NoError(t, o.Sign(o.quinn, recipes.Approve{Version: id}))
	require.NoError(t, o.Sign(o.sue, recipes.SendBack{Version: id, Reason: "Limits too wide"}))
	d := o.get(id)
	require.Equal(t, []any{recipes.SentBack, "Limits too wide", o.sue.FullName}, []any{d.State, d.EndReason, d.Ended.FullName})
	require.Len(t, d.Signatures, 3)
	err = o.Sign(o.vera, recipes.MakeEffective{Version: id})
	require.ErrorContains(t, err, "was sent back by "+o.sue.FullName)
	require.ErrorContains(t, o.comment(o.sue, id, "", "Why?"), "was sent back")
	o.clean()
}

func TestWithdrawnIsAnEnd(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	first := o.importText(o.pete, text())
	require.NoError(t, o.Sign(o.pete, recipes.Submit{Version: first}))
	require.NoError(t, o.Sign(o.sue, recipes.Approve{Version: first}))
	require.NoError(t, o.Sign(o.vera, recipes.MakeEffective{Version: first}))
	require.NoError(t, o.Sign(o.quinn, recipes.Withdraw{Version: first, Reason: "Wrong salt"}))
	err := o.Sign(o.quinn, recipes.Withdraw{Version: first, Reason: "Wrong salt"})
	require.ErrorContains(t, err, "was withdrawn by "+o.quinn.FullName)
	require.Equal(t, recipes.Withdrawn, o.get(first).State)
	o.clean()
}

const (
	forgeComment    = `insert into ebr.recipe_comments (id, recipe_version, element, words, made_by, made_at) values ($1, $2, '', 'x', $3, $4)`
	forgeResolution = `update ebr.recipe_comments set resolution = 'x', resolved_by = $2, resolved_at = $3, version = version + 1 where recipe_version = $1`
	forgeEnd        = `update ebr.recipe_versions set state = $2, ended_by = $3, ended_at = $4, end_signature = $5, end_reason = 'x', version = version + 1 where id = $1`
)

// TestReviewInTheDatabase goes around Go as the server's role: PostgreSQL refuses the same.
func TestReviewInTheDatabase(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	id := o.importText(o.both, text())
	require.NoError(t, o.Sign(o.both, recipes.Submit{Version: id}))
	signature := o.get(id).Submitted.Signature
	approval, err := o.Shown(recipes.Approve{Version: id})
	require.NoError(t, err)
	require.NoError(t, o.comment(o.sue, id, "", "Why?"))
	back := recipes.SendBack{Version: id, Reason: "Limits too wide"}
	st, err := o.Shown(back)
	require.NoError(t, err)
	const comment, resolve, sendBack, yesterday = "recipe.comment", "recipe.resolve", "recipe.send_back", "2026-01-01T00:00:00Z"
	for why, c := range map[string]struct{ got, want string }{
		"in another's name":            {o.attack(o.sue, comment, id, nil, forgeComment, audit.NewID(), id, o.quinn.ID, "now"), "VB023"},
		"at another time":              {o.attack(o.sue, comment, id, nil, forgeComment, audit.NewID(), id, o.sue.ID, yesterday), "VB023"},
		"under another act":            {o.attack(o.sue, resolve, id, nil, forgeComment, audit.NewID(), id, o.sue.ID, "now"), "VB023"},
		"other words":                  {o.attack(o.sue, resolve, id, nil, `update ebr.recipe_comments set words = 'y', version = version + 1 where recipe_version = $1`, id), "VB023"},
		"resolved by the author":       {o.attack(o.both, resolve, id, nil, forgeResolution, id, o.both.ID, "now"), "VB023"},
		"resolved in another's name":   {o.attack(o.both, resolve, id, nil, forgeResolution, id, o.sue.ID, "now"), "VB023"},
		"deleted":                      {o.attack(o.sue, resolve, id, nil, `delete from ebr.recipe_comments where recipe_version = $1`, id), "42501"},
		"approved with an open one":    {o.attack(o.sue, "recipe.approve", id, &approval, forgeApproval, id, o.sue.ID, "now"), "VB022 recipe_versions_comments_resolved"},
		"sent back without signature":  {o.attack(o.sue, sendBack, id, nil, forgeEnd, id, "sent_back", o.sue.ID, "now", nil), "VB022"},
		"with the author's signature":  {o.attack(o.sue, sendBack, id, nil, forgeEnd, id, "sent_back", o.sue.ID, "now", signature), "VB022"},
		"sent back in another's name":  {o.attack(o.sue, sendBack, id, &st, forgeEnd, id, "sent_back", o.quinn.ID, "now"), "VB022"},
		"withdrawn before it was used": {o.attack(o.sue, sendBack, id, &st, forgeEnd, id, "withdrawn", o.sue.ID, "now"), "VB022"},
	} {
		require.Equal(t, c.want, c.got, why)
	}
	require.Equal(t, "1 in_review", o.states())
	o.clean()
}
