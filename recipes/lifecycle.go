package recipes

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/internal/language"
	"veribatch/signatures"
)

var (
	_ = audit.Explain("recipe_versions_three_persons", fault.Refused,
		"Writing, approving and making effective are done by three different persons. Ask a colleague.")
	_ = audit.Explain("recipe_versions_one_effective", fault.Conflict, "Another version of this recipe became effective just now. Reload to see it.")
)

// Submit hands a draft over to review; its signature means "authored".
type Submit struct {
	Version string `json:"version" form:"version" param:"version"`
}

// Approve accepts a version in review; not by who wrote or submitted it.
type Approve struct {
	Version string `json:"version" form:"version" param:"version"`
}

// MakeEffective lets batches be ordered from an approved version, by a third person; the version effective before is superseded.
type MakeEffective struct {
	Version string `json:"version" form:"version" param:"version"`
}

// move is one step in the life of a version.
type move struct {
	act, meaning string
	from, to     State
	stamp        func(*Version) *Stamp // where the move leaves its mark
	ready        language.Word         // what to do when the version is not that far yet
	sql          string
}

var (
	submit = move{"recipe.submit", "authored", Draft, InReview, func(v *Version) *Stamp { return &v.Submitted }, "",
		`update ebr.recipe_versions set state = 'in_review', submitted_by = @person, submitted_at = @now, submit_signature = @signature, version = version + 1
		where id = @id and version = @seen`}
	approve = move{"recipe.approve", "approved", InReview, Approved, func(v *Version) *Stamp { return &v.Approved }, "Submit it first.",
		`update ebr.recipe_versions set state = 'approved', approved_by = @person, approved_at = @now, approve_signature = @signature, version = version + 1
		where id = @id and version = @seen`}
	makeEffective = move{"recipe.make_effective", "made effective", Approved, Effective, func(v *Version) *Stamp { return &v.MadeEffective }, "Have it approved first.",
		`update ebr.recipe_versions set state = 'effective', effective_by = @person, effective_at = @now, effective_signature = @signature, version = version + 1
		where id = @id and version = @seen`}
)

// Act is the word of the act.
func (Submit) Act() string { return submit.act }

// Act is the word of the act.
func (Approve) Act() string { return approve.act }

// Act is the word of the act.
func (MakeEffective) Act() string { return makeEffective.act }

// Home is the stream of the recipe.
func (c Submit) Home() audit.Stream { return StreamOf(c.Version) }

// Home is the stream of the recipe.
func (c Approve) Home() audit.Stream { return StreamOf(c.Version) }

// Home is the stream of the recipe.
func (c MakeEffective) Home() audit.Stream { return StreamOf(c.Version) }

// Statement is what the signer reads and signs.
func (c Submit) Statement(ctx context.Context, q audit.Querier) (signatures.Statement, error) {
	return submit.statement(ctx, q, c.Version)
}

// Statement is what the signer reads and signs.
func (c Approve) Statement(ctx context.Context, q audit.Querier) (signatures.Statement, error) {
	return approve.statement(ctx, q, c.Version)
}

// Statement is what the signer reads and signs.
func (c MakeEffective) Statement(ctx context.Context, q audit.Querier) (signatures.Statement, error) {
	return makeEffective.statement(ctx, q, c.Version)
}

// Do moves the version on, signed.
func (c Submit) Do(ctx context.Context, tx *audit.Tx) error { return submit.do(ctx, tx, c.Version) }

// Do moves the version on, signed.
func (c Approve) Do(ctx context.Context, tx *audit.Tx) error { return approve.do(ctx, tx, c.Version) }

// Do moves the version on, signed, and supersedes the one that was effective.
func (c MakeEffective) Do(ctx context.Context, tx *audit.Tx) error {
	return makeEffective.do(ctx, tx, c.Version)
}

// Moves lists the acts that a version in this state waits for, for screens: at most one.
func (v Version) Moves() []string {
	for _, m := range []move{submit, approve, makeEffective} {
		if v.State == m.from {
			return []string{m.act}
		}
	}
	return nil
}

func (m move) statement(ctx context.Context, q audit.Querier, id string) (signatures.Statement, error) {
	st, _, _, err := m.prepare(ctx, q, id, "")
	return st, err
}

// prepare reads the version and the one it replaces, asks the rules, and writes the statement. Nobody is asked about when person is "".
func (m move) prepare(ctx context.Context, q audit.Querier, id, person string) (st signatures.Statement, v Version, former *Version, err error) {
	if v, err = Find(ctx, q, id); err != nil {
		return st, v, nil, err
	}
	if m.to == Effective {
		if former, err = FindEffective(ctx, q, v.Recipe); err != nil {
			return st, v, nil, err
		}
	}
	if err := m.check(&v, former, person); err != nil {
		return st, v, nil, err
	}
	if err := m.resolved(ctx, q, v); err != nil {
		return st, v, nil, err
	}
	text, err := Text(ctx, q, v.Digest) // what is signed is what is kept
	if err != nil {
		return st, v, nil, err
	}
	if _, faults := Check("text", text); m.to == Approved && len(faults) > 0 { // it was imported when less was asked
		return st, v, nil, fault.New(fault.NotReady, "Version %d of %s has faults by the rules of this version of the program. Line %d: %s Import a text without them as the next version.",
			v.Number, v.Code, faults[0].Line, faults[0].Message)
	}
	r, err := Load(ctx, q, v.Digest)
	if err != nil {
		return st, v, nil, err
	}
	if len(r.NotYet) > 0 && m.to != InReview { // nobody approves what no batch could execute
		return st, v, nil, fault.New(fault.NotReady, "Version %d of %s cannot be %s, because the program cannot execute all of it yet. Line %d: %s",
			v.Number, v.Code, past[m.act], r.NotYet[0].Line, r.NotYet[0].Message)
	}
	st = m.words(v, former, r)
	changed, err := comparedLines(ctx, q, v, r)
	st.Lines = append(st.Lines, changed...)
	return st, v, former, err
}

// comparedLines says in the statement what changed from the version that is effective now, or else from the one before, so that a signer signs the changes too.
func comparedLines(ctx context.Context, q audit.Querier, v Version, r *Recipe) ([]signatures.Line, error) {
	base, err := baseOf(ctx, q, v)
	if err != nil || base == nil {
		return nil, err
	}
	old, err := Load(ctx, q, base.Digest)
	if err != nil {
		return nil, err
	}
	changes := Compare(old, r)
	count := map[Class]int{}
	for _, c := range changes {
		count[c.Class]++
	}
	digest := Digest(Sentences(changes))
	lines := []signatures.Line{
		{Label: "Compared with", Value: fmt.Sprintf("version %d: %d critical, %d major and %d minor changes", base.Number, count[Critical], count[Major], count[Minor])},
		{Label: "SHA-256 of the comparison", Value: hex.EncodeToString(digest[:])},
	}
	const most = 200 // what a person reads; the digest covers all
	for _, class := range []Class{Critical, Major} {
		shown := 0
		for _, c := range changes {
			if c.Class != class {
				continue
			}
			if shown++; shown > most {
				lines = append(lines, signatures.Line{Label: "Further " + string(class) + " changes", Value: strconv.Itoa(count[class] - most)})
				break
			}
			lines = append(lines, signatures.Line{Label: strings.ToUpper(string(class[:1])) + string(class[1:]) + " change", Value: shortened(c.Sentence)})
		}
	}
	return lines, nil
}

// shortened keeps a sentence within what a statement holds; the digest covers all of it.
func shortened(sentence string) string {
	const most = 2000
	if r := []rune(sentence); len(r) > most {
		return string(r[:most]) + "…"
	}
	return sentence
}

// baseOf gives the version that is effective now, else the one before; nil for the first.
func baseOf(ctx context.Context, q audit.Querier, v Version) (*Version, error) {
	all, err := Versions(ctx, q, v.Recipe)
	if err != nil {
		return nil, err
	}
	var before *Version
	for i := range all {
		switch {
		case all[i].ID == v.ID:
		case all[i].State == Effective:
			return &all[i], nil
		case all[i].Number < v.Number && before == nil:
			before = &all[i]
		}
	}
	return before, nil
}

// check says why the version may not be moved on, or not by this person.
func (m move) check(v, former *Version, person string) error {
	order := []State{Draft, InReview, Approved, Effective, Superseded}
	switch done := m.stamp(v); {
	case v.Ended.Person != "":
		return v.over()
	case done.Person != "":
		return fault.New(fault.Conflict, "Version %d of %s was already %s by %s at %s.", v.Number, v.Code, past[m.act], done.FullName, done.At.Format(moment))
	case slices.Index(order, v.State) < slices.Index(order, m.from):
		return fault.New(fault.NotReady, "Version %d of %s is %s. %s", v.Number, v.Code, language.Word(strings.Replace(v.State.Words(), "draft", "a draft", 1)), m.ready)
	case m.to == InReview:
		return nil
	case former != nil && former.Number > v.Number:
		return fault.New(fault.NotReady, "Version %d of %s is effective, which is newer than version %d. Import the text again to go back to it.", former.Number, v.Code, v.Number)
	case person != "" && (person == v.Imported.Person || person == v.Submitted.Person):
		return fault.New(fault.Refused, "You imported or submitted version %d of %s yourself. Another person has to do this.", v.Number, v.Code)
	case person != "" && person == v.Approved.Person:
		return fault.New(fault.Refused, "You approved version %d of %s yourself. A third person has to make it effective.", v.Number, v.Code)
	}
	return nil
}

// past gives the word for an act in a sentence.
var past = map[string]language.Word{submit.act: "submitted", approve.act: "approved", makeEffective.act: "made effective"}

// words writes the statement: what identifies the text, where it stands in its life, and what the signature brings about.
func (m move) words(v Version, former *Version, r *Recipe) signatures.Statement {
	st := signatures.Statement{
		Version: signatures.StatementVersion, Act: m.act, Meaning: m.meaning, Language: "en",
		Records: []signatures.RecordRef{{Stream: string(v.Stream()), ID: v.ID, Version: v.Row}},
		Lines: []signatures.Line{
			{Label: "Recipe", Value: v.Code}, {Label: "Version", Value: strconv.Itoa(v.Number)}, {Label: "Title", Value: v.Title}, {Label: "Product", Value: v.Product},
			{Label: "Strength", Value: r.Strength}, {Label: "Dosage form", Value: r.DosageForm}, {Label: "Batch size", Value: r.BatchSize.Text()},
			{Label: "Steps", Value: strconv.Itoa(len(r.Steps()))}, {Label: "SHA-256 of the text", Value: v.Digest},
			{Label: "State", Value: v.State.Words() + ", becomes " + m.to.Words()},
		},
	}
	for _, done := range []struct {
		label string
		Stamp
	}{{"Imported by", v.Imported}, {"Submitted by", v.Submitted}, {"Approved by", v.Approved}} {
		if done.Person != "" {
			st.Lines = append(st.Lines, signatures.Line{Label: done.label, Value: done.FullName + ", " + done.At.Format(moment)})
		}
	}
	if former != nil {
		st.Records = append(st.Records, signatures.RecordRef{Stream: string(former.Stream()), ID: former.ID, Version: former.Row})
		st.Lines = append(st.Lines, signatures.Line{Label: "Supersedes", Value: "version " + strconv.Itoa(former.Number) + ", SHA-256 " + former.Digest})
	}
	return st
}

const supersede = `update ebr.recipe_versions set state = 'superseded', superseded_at = @now, version = version + 1 where id = @id and version = @seen`

// do moves the version on. The stream of the recipe is locked, so nothing about its versions changes meanwhile; rows are locked too,
// because orders of batches rest on them.
func (m move) do(ctx context.Context, tx *audit.Tx, id string) error {
	if tx.Home() != StreamOf(id) {
		return errors.New("recipes: an act on a version runs in the stream of its recipe")
	}
	st, v, former, err := m.prepare(ctx, tx, id, tx.Actor().Person)
	if err != nil {
		return err
	}
	signature, err := signatures.Sign(ctx, tx, st)
	if err != nil {
		return err
	}
	if former != nil {
		if err := moved(tx.Exec(ctx, supersede, pgx.NamedArgs{"id": former.ID, "seen": former.Row, "now": tx.Now()})); err != nil {
			return err
		}
		tx.Note("supersedes", "version "+strconv.Itoa(former.Number))
	}
	tx.Note("recipe", v.Code)
	tx.Note("version", strconv.Itoa(v.Number))
	tx.Note("title", v.Title)
	tx.Note("text", v.Digest)
	tx.Note("state", v.State.Words()+" → "+m.to.Words())
	tx.Note("meaning", m.meaning)
	tx.Result(Result{v.ID})
	return moved(tx.Exec(ctx, m.sql, pgx.NamedArgs{"id": v.ID, "seen": v.Row, "person": tx.Actor().Person, "now": tx.Now(), "signature": signature.ID}))
}

// moved turns "no row had the version that was seen" into a conflict.
func moved(tag pgconn.CommandTag, err error) error {
	if err == nil && tag.RowsAffected() != 1 {
		return fault.New(fault.Conflict, "Someone changed this recipe since you opened it. Reload to see the change.")
	}
	return err
}
