package quality_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/ebr/batch"
	"veribatch/ebr/quality"
	"veribatch/internal/fault"
	"veribatch/signatures/access"
	"veribatch/signatures/signtest"
)

func (p *plant) status(id string) quality.Status {
	p.T.Helper()
	return read(p, func(q audit.Querier) (map[string]quality.Status, error) { return quality.StatusOf(p.Ctx, q, id) })[id]
}

// begun opens a review, reads its critical entries, and gives the command that signs it.
func (p *plant) begun(who signtest.Person, id string) quality.SignReview {
	p.T.Helper()
	c := p.opened(who, id)
	for p.turns(who, c, quality.Critical, 500) {
	}
	return c
}

func (p *plant) opened(who signtest.Person, id string) quality.SignReview {
	p.T.Helper()
	p.Do(who, quality.BeginReview{Batch: id})
	list := read(p, func(q audit.Querier) ([]quality.Review, error) { return quality.Reviews(p.Ctx, q, id) })
	return quality.SignReview{Batch: id, Review: list[len(list)-1].ID, Remarks: "Nothing to question."}
}

// reading is how far a review was read.
func (p *plant) reading(c quality.SignReview) quality.Reading {
	p.T.Helper()
	return read(p, func(q audit.Querier) (quality.Reading, error) {
		list, err := quality.Reviews(p.Ctx, q, c.Batch)
		for _, r := range list {
			if r.ID == c.Review {
				return quality.ReadingOf(p.Ctx, q, c.Batch, r)
			}
		}
		return quality.Reading{}, err
	})
}

// next is the act of reading the next page of a list; false at its end.
func (p *plant) next(c quality.SignReview, list string, limit int) (quality.ReadPage, bool) {
	p.T.Helper()
	n := p.reading(c)
	page, ok := n.Behind(list, n.LastRead(list), limit)
	require.True(p.T, ok)
	if !page.Unread() {
		return quality.ReadPage{}, false
	}
	first, last := page.Marks[0].Place(), page.Marks[len(page.Marks)-1].Place()
	return quality.ReadPage{Batch: c.Batch, Review: c.Review, List: list, From: first, To: last, Entries: len(page.Marks)}, true
}

// turns reads the next page of a list.
func (p *plant) turns(who signtest.Person, c quality.SignReview, list string, limit int) bool {
	p.T.Helper()
	page, more := p.next(c, list, limit)
	if more {
		p.Do(who, page)
	}
	return more
}

// A11-9, PI-3: a signed review covers the trail up to an entry; what comes later reopens it, the review's own acts do not, and a second
// review covers the rest.
func TestLaterEntriesReopenAReview(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	id := p.running()
	require.Equal(t, "audit trail not reviewed", p.status(id).Words())
	p.MustSign(p.quirl, p.begun(p.quirl, id))
	require.Equal(t, "audit trail reviewed", p.status(id).Words())
	first := p.status(id).To
	_, err := p.Run(p.quirl, "", quality.BeginReview{Batch: id})
	p.refused(fault.NotReady, "Every entry is reviewed already, by Quirl Moss", err)
	require.Equal(t, int64(1), p.status(id).Since, "the refused act is an entry that nobody reviewed")

	p.Do(p.anna, batch.Comment{Batch: id, Text: "late word"})
	require.NoError(t, quality.OpenIncident(p.Ctx, p.Trail, quality.Incident{Kind: quality.Clock, Summary: "jumped", Batches: []string{id}}))
	require.Equal(t, 3, int(p.status(id).Since))
	require.False(t, p.status(id).Done())
	blockers := read(p, func(q audit.Querier) ([]string, error) { return quality.Blockers(p.Ctx, q, id) })
	require.Len(t, blockers, 2)
	require.Contains(t, blockers[0], "(clock) is open")
	require.Regexp(t, `Audit trail reviewed to entry \d+, 3 entries since\.`, blockers[1])

	quent := p.Person("quent.hale", access.QA)
	second := p.begun(quent, id)
	p.MustSign(quent, second)
	require.True(t, p.status(id).Done())
	list := read(p, func(q audit.Querier) ([]quality.Review, error) { return quality.Reviews(p.Ctx, q, id) })
	require.Equal(t, []int64{1, first, first + 1}, []int64{list[0].From, list[0].To, list[1].From}, "the second review covers the rest")
	require.True(t, list[1].Quick())
	p.refused(fault.NotReady, "was signed by Quent Hale", p.Sign(quent, second))
	placed := read(p, func(q audit.Querier) (int, error) {
		return quality.VerifySignatures(p.Ctx, q, func(row string, why error) { t.Errorf("%s: %v", row, why) })
	})
	require.Equal(t, 2, placed)
	p.clean()
}

// What comes while the dialog is open is not signed unread.
func TestReviewCoversWhatWasShown(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	id := p.running()
	c := p.begun(p.quirl, id)
	st, err := p.Shown(c)
	require.NoError(t, err)
	ticket := p.Ticket(p.quirl, p.quirl, st)
	p.Do(p.anna, batch.Comment{Batch: id, Text: "while it was read"})
	_, err = p.Run(p.quirl, ticket, c)
	p.refused(fault.Conflict, "changed since you read it", err)
	other := quality.Incident{Kind: quality.Clock, Summary: "jumped", Batches: []string{id}}
	for p.turns(p.quirl, c, quality.Critical, 500) { // the refusal is critical, too
	}
	st, err = p.Shown(c)
	require.NoError(t, err)
	ticket = p.Ticket(p.quirl, p.quirl, st)
	require.NoError(t, quality.OpenIncident(p.Ctx, p.Trail, other))
	_, err = p.Run(p.quirl, ticket, c)
	p.refused(fault.Conflict, "changed since you read it", err)
	c.Remarks = " "
	p.refused(fault.Invalid, "what the review found", p.Sign(p.quirl, c))
}

// faults.md pattern 9: the reviewer is independent of the performers, in the rule and in the database; and who opened a review signs it.
func TestNobodyReviewsOwnWork(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	id := p.running()
	_, err := p.Run(p.quinn, "", quality.BeginReview{Batch: id}) // who issued its record
	p.refused(fault.Refused, "does not review its trail", err)
	held := p.Person("queen.hall", access.QA)
	p.Do(held, batch.Hold{Batch: id, Reason: "noise"})
	_, err = p.Run(held, "", quality.BeginReview{Batch: id})
	p.refused(fault.Refused, "does not review its trail", err)
	_, err = p.Run(p.quinn, "", quality.BeginReview{Batch: id})
	p.refused(fault.Refused, "does not review its trail", err)
	_, err = p.Run(p.sue, "", quality.BeginReview{Batch: id})
	require.Equal(t, fault.Forbidden, fault.KindOf(err))
	_, err = p.Run(p.quirl, "", quality.BeginReview{Batch: p.order()})
	p.refused(fault.NotReady, "not issued yet", err)

	c := p.begun(p.quirl, id)
	p.refused(fault.Refused, "Quirl Moss opened this review", p.Sign(p.Person("quent.hale", "qa"), c))
	for p.turns(p.quirl, c, quality.Critical, 500) { // the refusal is critical, too
	}
	p.Do(p.quirl, batch.Comment{Batch: id, Text: "and now I work in it"})
	p.refused(fault.Refused, "does not review its trail", p.Sign(p.quirl, c))

	const begin = `insert into ebr.trail_reviews (id, batch, reviewer, opened_at, from_seq) values ($1, $2, $3, $4, $5)`
	_, err = p.Trail.Change(p.Ctx, audit.Intent{Session: p.quinn.Token, Act: "trail.begin_review", Home: audit.Stream("batch/" + id)}, func(tx *audit.Tx) error {
		_, err := tx.Exec(p.Ctx, begin, audit.NewID(), id, p.quinn.ID, tx.Now(), 1)
		return err
	})
	p.refused(fault.Refused, "does not review its trail", err)
	require.Equal(t, "VB057", state(err))
	for what, row := range map[string]struct {
		home, reviewer string
		from           int
	}{"for somebody else": {id, p.sue.ID, 1}, "in another stream": {p.order(), p.Admin.ID, 1}, "leaving entries out": {id, p.Admin.ID, 5}} {
		who := p.Person("quark."+strings.Fields(what)[0], "qa")
		if row.reviewer == p.Admin.ID {
			row.reviewer = who.ID
		}
		_, err = p.Trail.Change(p.Ctx, audit.Intent{Session: who.Token, Act: "trail.begin_review", Home: audit.Stream("batch/" + row.home)}, func(tx *audit.Tx) error {
			_, err := tx.Exec(p.Ctx, begin, audit.NewID(), id, row.reviewer, tx.Now(), row.from)
			return err
		})
		require.ErrorContains(t, err, "VB056", what)
	}
	p.clean()
}

// Nobody judges an incident in own work past the program either.
func TestTheDatabaseKeepsJudgesIndependent(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	id := p.running()
	require.NoError(t, quality.OpenIncident(p.Ctx, p.Trail, quality.Incident{Kind: quality.Clock, Summary: "jumped", Batches: []string{id}}))
	const judge = `update ebr.incident_batches set disposition = 'no effect', reason = 'x', assessed_by = $2, assessed_at = $3, version = version + 1 where batch = $1`
	_, err := p.Trail.Change(p.Ctx, audit.Intent{Session: p.quinn.Token, Act: "incident.assess", Home: audit.Stream("batch/" + id)}, func(tx *audit.Tx) error {
		_, err := tx.Exec(p.Ctx, judge, id, p.quinn.ID, tx.Now())
		return err
	})
	require.Equal(t, "VB075", state(err))
}

// state is the SQLSTATE of an error.
func state(err error) string {
	if pg := (*pgconn.PgError)(nil); errors.As(err, &pg) {
		return pg.Code
	}
	return fmt.Sprint("no error of the database: ", err)
}
