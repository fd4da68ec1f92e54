package quality_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/ebr/batch"
	"veribatch/ebr/quality"
	"veribatch/internal/fault"
	"veribatch/signatures"
	"veribatch/signatures/access"
	"veribatch/signatures/accounts"
)

// line gives what a statement says under a label.
func line(st signatures.Statement, label string) string {
	for _, l := range st.Lines {
		if l.Label == label {
			return l.Value
		}
	}
	return ""
}

// A11-9, PI-3: critical entries are read before a review is signed; what was not opened of the others stands in the statement; every page is an
// entry, the next one, and the reviewer's own.
func TestAReviewIsReadPageByPage(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	id := p.running()
	for i := range 7 {
		p.Do(p.anna, batch.Comment{Batch: id, Text: fmt.Sprint("word ", i)})
	}
	require.NoError(t, quality.OpenIncident(p.Ctx, p.Trail, quality.Incident{Kind: quality.Clock, Summary: "jumped", Batches: []string{id}}))
	_, err := p.Run(p.quinn, "", quality.BeginReview{Batch: id})
	require.Error(t, err)
	c := p.opened(p.quirl, id)
	n := p.reading(c)
	require.Equal(t, 2, n.Count(quality.Critical), "the incident and the refused act")
	require.Zero(t, n.OpenedOf(quality.All))
	p.refused(fault.NotReady, "2 critical entries were not opened", p.Sign(p.quirl, c))

	first, _ := p.next(c, quality.Critical, 1)
	at := n.Marks[0].Place()
	for why, wrong := range map[string]quality.ReadPage{
		"no such entry":             {List: quality.Critical, From: at, To: at, Entries: 1},
		"no such entry.":            {List: quality.All, From: at, To: "batch/x 1", Entries: 1},
		"no such entry. Open":       {List: quality.All, From: first.To, To: at, Entries: 1},
		"There is the list":         {List: "none", From: first.From, To: first.To, Entries: 1},
		"and it showed 2":           {List: quality.Critical, From: first.From, To: first.To, Entries: 2},
		"There is no such review":   {List: quality.Critical, From: first.From, To: first.To, Entries: 1, Review: audit.NewID()},
		"who opened it reads":       {List: quality.Critical, From: first.From, To: first.To, Entries: 1, Review: c.Review + "!"},
		"does not review its trail": {List: quality.Critical, From: first.From, To: first.To, Entries: 1, Review: c.Review + "?"},
	} {
		who := p.quirl
		wrong.Batch = id
		switch {
		case wrong.Review == "":
			wrong.Review = c.Review
		case strings.HasSuffix(wrong.Review, "!"):
			who, wrong.Review = p.Person("quent.hale", access.QA), c.Review
		case strings.HasSuffix(wrong.Review, "?"):
			who, wrong.Review = p.quinn, c.Review
		}
		_, err := p.Run(who, "", wrong)
		require.ErrorContains(t, err, strings.TrimSuffix(why, "."), why)
	}
	p.Do(p.quirl, first)
	_, err = p.Run(p.quirl, "", first)
	p.refused(fault.Invalid, "read this page already", err)
	for p.turns(p.quirl, c, quality.Critical, 1) {
	}
	n = p.reading(c)
	require.Equal(t, n.Count(quality.Critical), n.OpenedOf(quality.Critical))
	st, err := p.Shown(c)
	require.NoError(t, err)
	total := n.Count(quality.All)
	critical := n.Count(quality.Critical)
	require.Equal(t, fmt.Sprintf("%d of %d, critical ones %d of %d; %d entries were not opened", critical, total, critical, critical, total-critical), line(st, "Entries opened"))

	for p.turns(p.quirl, c, quality.All, 3) {
	}
	n = p.reading(c)
	require.Equal(t, total, n.Count(quality.All), "that a page was read adds no entry to be read")
	st, err = p.Shown(c)
	require.NoError(t, err)
	require.Equal(t, fmt.Sprintf("%d of %d, critical ones %d of %d", total, total, critical, critical), line(st, "Entries opened"))
	hashes := read(p, func(q audit.Querier) (rows []audit.Row, err error) {
		return audit.Entries(p.Ctx, q, []audit.Cursor{{Stream: audit.Stream("batch/" + id), Seq: 1}})
	})
	require.Equal(t, fmt.Sprintf("%x", hashes[0].Hash), line(st, "SHA-256 of the first entry"))
	p.MustSign(p.quirl, c)
	list := read(p, func(q audit.Querier) ([]quality.Review, error) { return quality.Reviews(p.Ctx, q, id) })
	require.Equal(t, []int{total, total}, []int{list[0].Listed, list[0].Opened})
	require.Equal(t, fmt.Sprintf("%x", hashes[0].Hash), list[0].FirstHash)
	p.refused(fault.NotReady, "was signed by Quirl Moss", p.Sign(p.quirl, c))
	_, err = p.Run(p.quirl, "", first)
	p.refused(fault.Invalid, "was signed by Quirl Moss", err)
	p.clean()
}

// An entry that comes when everything was read is not among what was read, wherever its time puts it: it is read before the signature.
func TestALateEntryIsNotRead(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	id := p.running()
	c := p.opened(p.quirl, id)
	for p.turns(p.quirl, c, quality.All, 100) {
	}
	for _, sql := range []string{`alter table audit.heads disable trigger user`, fmt.Sprintf(`update audit.heads set at = at + interval '1 hour' where stream = 'batch/%s'`, id), `alter table audit.heads enable trigger user`} {
		_, err := p.DB.Super(t).Exec(p.Ctx, sql)
		require.NoError(t, err, sql)
	}
	p.Do(p.anna, batch.Comment{Batch: id, Text: "an hour ahead, as after a clock that was set back"})
	for p.turns(p.quirl, c, quality.All, 100) {
	}
	n := p.reading(c)
	require.Equal(t, n.Count(quality.All), n.OpenedOf(quality.All))
	require.NoError(t, quality.OpenIncident(p.Ctx, p.Trail, quality.Incident{Kind: quality.Clock, Summary: "jumped", Batches: []string{id}}))
	n = p.reading(c)
	require.NotEmpty(t, n.Marks[len(n.Marks)-2].Why, "the incident stands before what was read")
	require.Equal(t, 1, n.Count(quality.All)-n.OpenedOf(quality.All))
	require.Equal(t, 1, n.Count(quality.Critical)-n.OpenedOf(quality.Critical))
	require.True(t, p.turns(p.quirl, c, quality.Critical, 100), "and is the next page")
	n = p.reading(c)
	require.Equal(t, n.Count(quality.All), n.OpenedOf(quality.All))
}

// The database holds pages to their reviewer and to entries that exist, and a signed review to its first entry and to what its pages showed.
func TestTheDatabaseKeepsPages(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	id := p.running()
	c := p.opened(p.quirl, id)
	marks := p.reading(c).Marks
	quent := p.Person("quent.hale", access.QA)
	const insert = `insert into ebr.trail_review_pages (id, review, list, shown, digest, read_at) values ($1, $2, 'all', $3, '\x', $4)`
	put := func(session, act, home string, shown ...string) error {
		_, err := p.Trail.Change(p.Ctx, audit.Intent{Session: session, Act: act, Home: audit.Stream("batch/" + home)}, func(tx *audit.Tx) error {
			_, err := tx.Exec(p.Ctx, insert, audit.NewID(), c.Review, shown, tx.Now())
			return err
		})
		return err
	}
	own, other, one, two := p.quirl.Token, p.order(), marks[0].Place(), marks[1].Place()
	for what, err := range map[string]error{
		"somebody else": put(quent.Token, "trail.read_page", id, one), "another act": put(own, "trail.begin_review", id, one),
		"another batch": put(own, "trail.read_page", other, one), "no entry": put(own, "trail.read_page", id, one, "batch/x 1"), "one twice": put(own, "trail.read_page", id, one, one),
		"written otherwise": put(own, "trail.read_page", id, "batch/"+id+" 01"),
	} {
		require.Equal(t, "VB095", state(err), what)
	}
	require.NoError(t, put(own, "trail.read_page", id, one, two))
	const forge = `update ebr.trail_reviews set listed = 9, opened = 9 where id = $1`
	_, err := p.Trail.Change(p.Ctx, audit.Intent{Session: own, Act: "trail.review", Home: audit.Stream("batch/" + id)}, func(tx *audit.Tx) error {
		_, err := tx.Exec(p.Ctx, forge, c.Review)
		return err
	})
	require.Equal(t, "VB056", state(err))
	_, err = p.DB.Super(t).Exec(p.Ctx, `update ebr.trail_reviews set signed_at = opened_at, version = 2 where id = $1`, c.Review)
	require.Equal(t, "VB096", state(err), "no first entry")
}

// Rights and configuration that change while a batch runs are shown with its trail.
func TestRightsThatChangeDuringTheBatchAreCritical(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	id := p.running()
	_, err := p.Run(p.Admin, "", accounts.Grant{Person: p.pete.ID, Role: string(access.Auditor), Reason: "no work in this batch"})
	require.NoError(t, err)
	_, err = p.Run(p.Admin, "", accounts.Grant{Person: p.anna.ID, Role: string(access.Supervisor), Area: "main", Reason: "stands in"})
	require.NoError(t, err)
	newcomer := p.Person("nina.late") // whose first work in the batch comes behind the right to it
	_, err = p.Run(p.Admin, "", accounts.Grant{Person: newcomer.ID, Role: string(access.Operator), Area: "main", Reason: "helps out"})
	require.NoError(t, err)
	p.Do(newcomer, batch.Comment{Batch: id, Text: "I am new here."})
	n := p.reading(p.opened(p.quirl, id))
	var found []string
	for _, m := range n.Marks {
		if m.Why == "rights or configuration" {
			found = append(found, string(m.Stream))
		}
	}
	require.Equal(t, []string{"person/" + p.anna.ID, "person/" + newcomer.ID}, found)
}

// A review over more than 5,000 entries is read to its end.
func TestALongReviewIsReadWhole(t *testing.T) {
	t.Parallel()
	comments := 60
	if os.Getenv("VERIBATCH_LONG") != "" {
		comments = 5200
	}
	p := newPlant(t)
	id := p.running()
	for i := range comments {
		p.Do(p.anna, batch.Comment{Batch: id, Text: fmt.Sprint("word ", i)})
	}
	c := p.opened(p.quirl, id)
	total := p.reading(c).Count(quality.All)
	require.Greater(t, total, comments)
	pages := 0
	began := time.Now()
	for p.turns(p.quirl, c, quality.All, max(total/13, 1)) {
		pages++
	}
	t.Logf("%d entries on %d pages in %v", total, pages, time.Since(began))
	n := p.reading(c)
	require.Equal(t, total, n.OpenedOf(quality.All))
	p.MustSign(p.quirl, c)
	list := read(p, func(q audit.Querier) ([]quality.Review, error) { return quality.Reviews(p.Ctx, q, id) })
	require.Equal(t, total, list[0].Opened)
	require.Equal(t, int64(total+pages), list[0].To, "the pages are entries of the batch, too")
	p.clean()
}
