package quality

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/internal/plaintext"
	"veribatch/signatures"
	"veribatch/signatures/access"
)

// Disposition is the judgement on one batch: "" while it is missing.
type Disposition string

// The judgements.
const (
	NoEffect     Disposition = "no effect"
	SeeDeviation Disposition = "see deviation"
)

// Dispositions lists the judgements that can be given.
func Dispositions() []Disposition { return []Disposition{NoEffect, SeeDeviation} }

// closed is what the signature on an incident means.
const closed = "closed"

// moment is how statements write a time.
const moment = "2006-01-02 15:04:05 -07:00"

// longest is the most characters of a judgement, a cause or an action.
const longest = 4000

// AssessIncident judges the effect of an incident on one batch. The reason says why there is none, or which deviation treats it.
type AssessIncident struct {
	Incident    string      `json:"incident" form:"-"`
	Batch       string      `json:"batch" form:"-"`
	Disposition Disposition `json:"disposition" form:"disposition"`
	Reason      string      `json:"reason" form:"reason"`
	Seen        int         `json:"seen" form:"seen"` // version of the link that was read
}

// CloseIncident ends an incident, signed by quality assurance: its cause, what was done, and the judgement on every batch.
type CloseIncident struct {
	Incident  string `json:"incident" form:"-"`
	RootCause string `json:"root_cause" form:"root_cause"`
	Action    string `json:"action" form:"action"` // corrective and preventive
}

// Act is the word of the act.
func (AssessIncident) Act() string { return "incident.assess" }

// Act is the word of the act.
func (CloseIncident) Act() string { return "incident.close" }

// Home is the stream of the site: an incident is the system's, not a batch's.
func (AssessIncident) Home() audit.Stream { return audit.Site }

// Home is the stream of the site.
func (CloseIncident) Home() audit.Stream { return audit.Site }

// Also names the batch that is judged.
func (c AssessIncident) Also() []audit.Stream {
	if uuid.Validate(c.Batch) != nil {
		return nil
	}
	return []audit.Stream{audit.Stream("batch/" + c.Batch)}
}

// Why is the reason for the entry.
func (c AssessIncident) Why() string { return c.Reason }

// Why is the reason for the entry.
func (c CloseIncident) Why() string { return c.RootCause }

const notOwnIncident = "Who worked in a batch does not judge what an incident did to it. Ask a colleague who did not."

var _ = audit.Explain("incident_batches_independent", fault.Refused, notOwnIncident)

var _ = audit.Explain("incidents_all_assessed", fault.NotReady, "The incident touched another batch just now. Judge its effect on every batch first.")

// Result is what an act leaves for its answer.
type Result struct {
	Incident string `json:"incident"`
	Number   string `json:"number"`
}

var _ = audit.Explain("judgements_replaced_signed", fault.Conflict, "Somebody judged the batch just now. Read the judgement; another one replaces it by a signed act.")

const assessLink = `update ebr.incident_batches set disposition = @disposition, reason = @reason, assessed_by = @person, assessed_at = @now,
	changed_because = @because, signature = @signature, version = version + 1 where id = @id and version = @seen`

// Do keeps the first judgement, and the first after the incident struck the batch again; ReassessIncident replaces one that stands.
func (c AssessIncident) Do(ctx context.Context, tx *audit.Tx) error {
	r, l, reason, err := c.check(ctx, tx)
	if err != nil {
		return err
	}
	if l.Disposition != "" && l.Version == c.Seen {
		return fault.New(fault.Refused, "%s judged batch %s at %s. Another judgement replaces that one by a signed act, which says why.", l.AssessedBy, l.Number, l.AssessedAt.Format(moment))
	}
	return c.keep(ctx, tx, r, l, pgx.NamedArgs{"reason": reason, "because": "", "signature": nil})
}

// check reads the incident and the words, and gives the link to the batch.
func (c AssessIncident) check(ctx context.Context, q audit.Querier) (r Record, l Link, reason string, err error) {
	areas, err := access.AreasOf(ctx, q, c.Also()...)
	if err == nil && len(areas) == 0 { // in the words for a batch that the person may not see
		err = access.Unknown("batch/" + c.Batch)
	}
	if err != nil {
		return
	}
	if r, err = Find(ctx, q, Everywhere(), c.Incident); err != nil {
		return
	}
	at := slices.IndexFunc(r.Links, func(l Link) bool { return l.Batch == c.Batch })
	if at < 0 { // nothing more is said: the batches that it did touch may be of another area
		err = fault.New(fault.Missing, "This incident did not touch this batch.")
		return
	}
	if err = r.stillOpen(); err != nil {
		return
	}
	if c.Disposition != NoEffect && c.Disposition != SeeDeviation {
		err = fault.At("disposition", "Choose whether the incident had no effect on this batch, or which deviation treats it.")
		return
	}
	if reason, err = needed("reason", c.Reason, "Write why the incident had no effect on this batch, or the number of the deviation."); err != nil {
		return
	}
	return r, r.Links[at], reason, nil
}

// keep writes the judgement of somebody who did no work in the batch.
func (c AssessIncident) keep(ctx context.Context, tx *audit.Tx, r Record, l Link, args pgx.NamedArgs) error {
	if worked, err := Worked(ctx, tx, c.Batch, tx.Actor().Person); err != nil {
		return err
	} else if worked {
		return fault.New(fault.Refused, notOwnIncident)
	}
	args["id"], args["seen"], args["disposition"], args["person"], args["now"] = l.ID, c.Seen, c.Disposition, tx.Actor().Person, tx.Now()
	tag, err := tx.Exec(ctx, assessLink, args)
	if err == nil && tag.RowsAffected() != 1 {
		return struckAgain(l)
	}
	tx.Note("batch", l.Number)
	tx.Note("incident", r.Number)
	tx.Note("effect", string(c.Disposition))
	tx.Result(Result{r.ID, r.Number})
	return err
}

func struckAgain(l Link) error {
	return fault.New(fault.Conflict, "The incident struck batch %s again, or somebody judged it just now. Read it again.", l.Number)
}

// needed cleans a text that must not be empty.
func needed(field, text, missing string) (string, error) {
	clean, err := plaintext.Reason(field, text, longest)
	if err == nil && strings.TrimSpace(clean) == "" {
		err = fault.At(field, "%s", missing)
	}
	return clean, err
}

func (r Record) stillOpen() error {
	if r.Open() {
		return nil
	}
	return fault.New(fault.NotReady, "Incident %s was closed by %s at %s. What was judged stays; a new occurrence opens a new incident.", r.Number, r.ClosedBy, r.ClosedAt.Format(moment))
}

// check reads the incident and the words, and asks whether it may be closed now.
func (c CloseIncident) check(ctx context.Context, q audit.Querier) (r Record, cause, action string, err error) {
	if r, err = Find(ctx, q, Everywhere(), c.Incident); err != nil {
		return
	}
	if err = r.stillOpen(); err != nil {
		return
	}
	var open []string
	for _, l := range r.Links {
		if l.Disposition == "" {
			open = append(open, l.Number)
		}
	}
	if len(open) > 0 {
		named := strings.Join(open[:min(len(open), 10)], ", ")
		err = fault.New(fault.NotReady, "The effect on %d batches is not judged yet: %s. Judge each of them first.", len(open), named)
		return
	}
	if cause, err = needed("root_cause", c.RootCause, "Write what caused the incident."); err != nil {
		return
	}
	action, err = needed("action", c.Action, "Write what was done, and what keeps it from happening again.")
	return
}

// Statement is what quality assurance reads and signs.
func (c CloseIncident) Statement(ctx context.Context, q audit.Querier) (signatures.Statement, error) {
	r, cause, action, err := c.check(ctx, q)
	if err != nil {
		return signatures.Statement{}, err
	}
	lines := []signatures.Line{
		{Label: "Incident", Value: r.Number}, {Label: "Kind", Value: r.Kind.Words()}, {Label: "What failed", Value: r.Summary},
		{Label: "First", Value: r.FirstAt.Format(moment) + reference(r.FirstReference)}, {Label: "Last", Value: r.LastAt.Format(moment) + reference(r.LastReference)},
		{Label: "Occurrences", Value: fmt.Sprint(r.Occurrences)}, {Label: "Batches", Value: fmt.Sprint(r.Batches)},
	}
	lines = append(lines, judgements(r.Links)...)
	lines = append(lines, signatures.Line{Label: "Cause", Value: cause}, signatures.Line{Label: "Action", Value: action},
		signatures.Line{Label: "Statement", Value: "The cause is understood as written, and its effect on every batch is judged."})
	return signatures.Statement{
		Version: signatures.StatementVersion, Act: c.Act(), Meaning: closed, Language: "en", Lines: lines,
		Records: []signatures.RecordRef{{Stream: string(audit.Site), ID: r.ID, Version: r.Version}},
	}, nil
}

func reference(text string) string {
	if text == "" {
		return ""
	}
	return ", reference " + text
}

// Bounds that keep a statement readable and below its limits; what is cut stands in it by its SHA-256.
const (
	mostLinks        = 200
	longestWhy       = 300  // characters
	longestJudgement = 7000 // of one that is shown whole, below what one line of a statement may have
)

// judgements gives one line for each batch.
func judgements(links []Link) (lines []signatures.Line) {
	var rest strings.Builder
	for i, l := range links {
		full := l.words()
		if i >= mostLinks {
			fmt.Fprintf(&rest, "%s %s\n", l.Number, full)
			continue
		}
		lines = append(lines, signatures.Line{Label: "Effect on " + l.Number, Value: shortened(full)})
	}
	if rest.Len() > 0 {
		lines = append(lines, signatures.Line{Label: "Effect on others", Value: fmt.Sprintf("%d more batches, SHA-256 %x", len(links)-mostLinks, sha256.Sum256([]byte(rest.String())))})
	}
	return lines
}

func shortened(full string) string { return cut(full, longestWhy) }

func cut(full string, most int) string {
	if r := []rune(full); len(r) > most {
		return fmt.Sprintf("%s … (SHA-256 %x)", strings.TrimSpace(string(r[:most])), sha256.Sum256([]byte(full)))
	}
	return full
}

const closeIncident = `update ebr.incidents set root_cause = @cause, action = @action, closed_by = @person, closed_at = @now, signature = @signature, version = version + 1
	where id = @id and version = @seen`

// Do closes it.
func (c CloseIncident) Do(ctx context.Context, tx *audit.Tx) error {
	r, cause, action, err := c.check(ctx, tx)
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
	tag, err := tx.Exec(ctx, closeIncident, pgx.NamedArgs{
		"id": r.ID, "seen": r.Version, "cause": cause, "action": action, "person": tx.Actor().Person, "now": tx.Now(), "signature": signature.ID,
	})
	if err == nil && tag.RowsAffected() != 1 {
		return fault.New(fault.Conflict, "The incident struck again just now. Read it again.")
	}
	tx.Note("incident", r.Number)
	tx.Note("kind", r.Kind.Words())
	tx.Result(Result{r.ID, r.Number})
	return err
}
