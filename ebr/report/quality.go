package report

import (
	"context"
	"fmt"
	"time"

	"veribatch/audit"
	"veribatch/ebr/quality"
)

// Incident is a failure of the system that may have touched the batch, with the judgement on this batch (EU GMP Annex 11 clause 13).
type Incident struct {
	Number      string    `json:"number"`
	Kind        string    `json:"kind"`
	Summary     string    `json:"summary"`
	State       string    `json:"state"`       // "open", "closed"
	Occurrences string    `json:"occurrences"` // how often, over all batches
	References  string    `json:"references"`  // numbers that people were shown
	First       time.Time `json:"first,omitzero"`
	Last        time.Time `json:"last,omitzero"`
	Effect      string    `json:"effect"` // on this batch: "no effect", "see deviation", "not judged"
	Reason      string    `json:"reason"`
	JudgedBy    string    `json:"judged_by"`
	Judged      time.Time `json:"judged,omitzero"`
	Because     string    `json:"because"`          // why the judgement replaced the one before; "" when it replaced none
	Anew        int       `json:"judged_signature"` // Number in Record.Signatures of a judgement that replaced another one; 0 for one that did not
	Former      []Former  `json:"former,omitempty"` // judgements that are no longer in force, oldest first
	Cause       string    `json:"cause"`            // "" while it is open
	Action      string    `json:"action"`
	ClosedBy    string    `json:"closed_by"`
	Closed      time.Time `json:"closed,omitzero"`
	Signature   int       `json:"signature"` // Number in Record.Signatures; 0 while it is open
}

// Former is a judgement on this batch that is no longer in force.
type Former struct {
	Effect    string    `json:"effect"`
	Reason    string    `json:"reason"`
	Because   string    `json:"because"`
	JudgedBy  string    `json:"judged_by"`
	Judged    time.Time `json:"judged,omitzero"`
	Ended     time.Time `json:"ended,omitzero"`
	Void      bool      `json:"void"` // the incident struck the batch again; else the next judgement replaced it
	Signature int       `json:"signature"`
}

// Review is a signed review of the audit trail (EU GMP Annex 11 clause 9).
type Review struct {
	Entries   string    `json:"entries"`    // of the batch's stream, "1 to 212"
	Others    string    `json:"others"`     // how many entries of other streams that name the batch
	FirstHash string    `json:"first_hash"` // SHA-256 of the first entry; "" when it was signed before that was named
	Hash      string    `json:"hash"`       // SHA-256 of the last entry
	Read      string    `json:"read"`       // how many entries were opened; "" when it was signed before that was counted
	Reviewer  string    `json:"reviewer"`
	Opened    time.Time `json:"opened,omitzero"`
	Signed    time.Time `json:"signed,omitzero"`
	Took      string    `json:"took"`
	Quick     bool      `json:"quick"` // open for less than a second for each entry, or half a minute
	Remarks   string    `json:"remarks"`
	Signature int       `json:"signature"`
}

// judged reads incidents and reviews, before signatures are numbered.
func (l *loader) judged(ctx context.Context, q audit.Querier) (err error) {
	if l.incidents, err = quality.OfBatch(ctx, q, l.b.ID); err != nil {
		return err
	}
	if l.reviews, err = quality.Reviews(ctx, q, l.b.ID); err != nil {
		return err
	}
	all, err := quality.StatusOf(ctx, q, l.b.ID)
	l.reviewed = all[l.b.ID].Words()
	return err
}

// judgements gives them as they are printed.
func (l *loader) judgements(r *Record) {
	for _, i := range l.incidents {
		link := i.Links[0]
		printed := Incident{
			Number: i.Number, Kind: i.Kind.Words(), Summary: i.Summary, State: i.State(), Occurrences: fmt.Sprint(i.Occurrences), First: i.FirstAt, Last: i.LastAt,
			References: i.FirstReference, Effect: string(link.Disposition), Reason: link.Reason, JudgedBy: link.AssessedBy, Judged: link.AssessedAt,
			Cause: i.RootCause, Action: i.Action, ClosedBy: i.ClosedBy, Closed: i.ClosedAt, Signature: l.numbers[i.Signature],
		}
		printed.Because, printed.Anew = link.ChangedBecause, l.numbers[link.Signature]
		for _, f := range link.Former {
			printed.Former = append(printed.Former, Former{
				Effect: string(f.Disposition), Reason: f.Reason, Because: f.ChangedBecause, JudgedBy: f.AssessedBy, Judged: f.AssessedAt, Ended: f.EndedAt, Void: f.Void, Signature: l.numbers[f.Signature],
			})
		}
		if i.LastReference != i.FirstReference {
			printed.References = list(", ", i.FirstReference, i.LastReference)
		}
		if printed.Effect == "" {
			printed.Effect = "not judged"
		}
		r.Incidents = append(r.Incidents, printed)
	}
	r.Reviewed = l.reviewed
	for _, v := range l.reviews {
		if v.SignedAt.IsZero() {
			continue
		}
		read := ""
		if v.FirstHash != "" {
			read = fmt.Sprintf("%d of %d entries opened", v.Opened, v.Listed)
		}
		r.Reviews = append(r.Reviews, Review{
			Entries: fmt.Sprintf("%d to %d", v.From, v.To), Others: fmt.Sprint(v.Others), FirstHash: v.FirstHash, Hash: v.LastHash, Read: read, Reviewer: v.Name, Opened: v.OpenedAt, Signed: v.SignedAt,
			Took: v.Took().String(), Quick: v.Quick(), Remarks: v.Remarks, Signature: l.numbers[v.Signature],
		})
	}
}

// incidentsChapter writes every incident with its judgement.
func (p *paper) incidentsChapter() {
	if len(p.record.Incidents) == 0 {
		p.nothing("No incident of the system touched this batch.")
		return
	}
	t := &table{sheet: p.sheet, columns: []column{{"Incident", 42}, {"Effect on this batch", 57}, {"First / last", 39}, {"Judged", 39}}, context: "Incidents (continued)"}
	for _, i := range p.record.Incidents {
		state := []para{{text: i.State, style: small}}
		if i.State != "closed" {
			state = []para{{text: signAlert + i.State, style: strong, box: framed}}
		}
		t.add(row{
			cells: []cell{
				{paras: append([]para{{text: i.Number, style: strong}, {text: i.Kind, style: small}}, state...)},
				{column: 1, paras: []para{{text: i.Effect, style: strong}, {text: i.Reason, style: small}}},
				{column: 2, paras: []para{{text: dated(i.First), style: small7}, {text: dated(i.Last), style: small7}}},
				{column: 3, paras: []para{{text: i.JudgedBy, style: small}, {text: dated(i.Judged), style: small7}}},
			},
			notes: append(i.judged(), []para{
				{text: "What failed: " + i.Summary, style: small},
				{text: list("; ", "Occurrences: "+i.Occurrences, labelled("reference", i.References)), style: small},
				{text: labelled("Cause:", i.Cause), style: small}, {text: labelled("Action:", i.Action), style: small},
				{text: list(", ", labelled("Closed by", i.ClosedBy), dated(i.Closed), signed(i.Signature)), style: small},
			}...),
			again: "Incident " + i.Number,
		})
	}
	t.end()
}

// judged says why the judgement was changed, and what was judged before.
func (i Incident) judged() (notes []para) {
	if i.Because != "" {
		notes = append(notes, para{text: list(", ", "Judged anew because: "+i.Because, signed(i.Anew)), style: small})
	}
	for _, f := range i.Former {
		ended := "replaced "
		if f.Void {
			ended = "void, because the incident struck the batch again, "
		}
		notes = append(notes, para{style: small, text: "Former judgement: " + list("; ", f.Effect+": "+f.Reason, labelled("because", f.Because),
			list(", ", f.JudgedBy, dated(f.Judged), signed(f.Signature)), ended+dated(f.Ended))})
	}
	return notes
}

// reviewsChapter writes how far the audit trail is reviewed, by whom, and how.
func (p *paper) reviewsChapter() {
	p.flow(left, para{text: "State: " + p.record.Reviewed, style: strong})
	p.y += 2
	if len(p.record.Reviews) == 0 {
		return
	}
	t := &table{sheet: p.sheet, columns: []column{{"Entries", 42}, {"Reviewed by", 57}, {"Opened / signed", 39}, {"Open for", 39}}, context: "Review of the audit trail (continued)"}
	for _, r := range p.record.Reviews {
		took := []para{{text: r.Took, style: small}}
		if r.Quick {
			took = append(took, para{text: signAlert + "short for so many entries", style: strong, box: framed})
		}
		t.add(row{
			cells: []cell{
				{paras: []para{{text: r.Entries, style: strong}, {text: "and " + r.Others + " of other streams", style: small}, {text: r.Read, style: small}}},
				{column: 1, paras: []para{{text: r.Reviewer, style: strong}, {text: signed(r.Signature), style: small}}},
				{column: 2, paras: []para{{text: dated(r.Opened), style: small7}, {text: dated(r.Signed), style: small7}}},
				{column: 3, paras: took},
			},
			notes: []para{{text: "Found: " + r.Remarks, style: small}, {text: labelled("SHA-256 of the first entry", r.FirstHash), style: tiny}, {text: "SHA-256 of the last entry " + r.Hash, style: tiny}},
			again: "Review of entries " + r.Entries,
		})
	}
	t.end()
}

// dated gives a time as printed, nothing for none.
func dated(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return clock(at)
}

func signed(number int) string {
	if number == 0 {
		return ""
	}
	return fmt.Sprintf("signature %d", number)
}
