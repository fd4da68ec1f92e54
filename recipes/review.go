package recipes

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/internal/language"
	"veribatch/internal/plaintext"
)

var (
	_ = audit.Explain("recipe_versions_comments_resolved", fault.NotReady, "A comment of the review is open. Resolve it first.")
	_ = audit.Explain("recipe_comments_resolved", fault.Invalid, "Say how the comment is resolved.")
)

// Comment is what somebody says about a version that is written or reviewed. Nobody approves the version before it is resolved.
type Comment struct {
	ID         string
	Element    string // name of the step or structure in the text; "" for the version as a whole
	Words      string
	Made       Stamp
	Resolution string
	Resolved   Stamp // the zero Stamp while the comment is open
	Row        int   // version of the record row
}

// Open tells whether the comment waits for its resolution.
func (c Comment) Open() bool { return c.Resolved.Person == "" }

// MakeComment says something about a version or an element of it, before it is effective.
type MakeComment struct {
	Version string `json:"version" form:"-" param:"version"`
	Element string `json:"element,omitempty" form:"element"` // "" for the version as a whole
	Words   string `json:"words" form:"words"`
}

// ResolveComment says how a comment was settled; not by who imported or submitted the version, so that nobody waves away what was said about their own work.
type ResolveComment struct {
	Version    string `json:"version" form:"-" param:"version"`
	Comment    string `json:"comment" form:"-" param:"comment"`
	Resolution string `json:"resolution" form:"resolution"`
}

// The fields of the acts of a review, in faults.
const (
	FieldElement    = "element"
	FieldWords      = "words"
	FieldResolution = "resolution"
)

// Act is the word of the act.
func (MakeComment) Act() string { return "recipe.comment" }

// Act is the word of the act.
func (ResolveComment) Act() string { return "recipe.resolve" }

// Home is the stream of the recipe.
func (c MakeComment) Home() audit.Stream { return StreamOf(c.Version) }

// Home is the stream of the recipe.
func (c ResolveComment) Home() audit.Stream { return StreamOf(c.Version) }

const insertComment = `insert into ebr.recipe_comments (id, recipe_version, element, words, made_by, made_at) values (@id, @version, @element, @words, @person, @now)`

const mostComments = 1000 // of one version: what people can still read

// Do keeps the comment.
func (c MakeComment) Do(ctx context.Context, tx *audit.Tx) error {
	v, err := c.about(ctx, tx)
	if err != nil {
		return err
	}
	words, err := plaintext.Reason(FieldWords, c.Words, plaintext.MaxComment)
	switch {
	case err != nil:
		return err
	case words == "":
		return fault.At(FieldWords, "The comment is empty. Type what should be changed or explained.")
	}
	said, err := comments(ctx, tx, v.ID)
	if err != nil {
		return err
	}
	if len(said) >= mostComments {
		return fault.New(fault.Refused, "This version has %d comments already. Send it back instead.", len(said))
	}
	_, err = tx.Exec(ctx, insertComment, pgx.NamedArgs{
		"id": uuid.Must(uuid.NewV7()), "version": v.ID, "element": c.Element, "words": words, "person": tx.Actor().Person, "now": tx.Now(),
	})
	v.note(tx)
	tx.Note("element", c.Element)
	tx.Note("words", words)
	tx.Result(Result{v.ID})
	return err
}

// about gives the version, in which the element has to be.
func (c MakeComment) about(ctx context.Context, tx *audit.Tx) (Version, error) {
	v, err := commented(ctx, tx, c.Version)
	if err != nil || c.Element == "" {
		return v, err
	}
	r, err := Load(ctx, tx, v.Digest)
	if err != nil {
		return v, err
	}
	found := false
	r.Walk(func(e *Element) { found = found || e.ID == c.Element })
	if !found {
		return v, fault.At(FieldElement, "There is no step %s in this version. Choose one of the list.", c.Element)
	}
	return v, nil
}

// commented gives a version that takes comments, in the stream of its recipe.
func commented(ctx context.Context, tx *audit.Tx, id string) (Version, error) {
	if tx.Home() != StreamOf(id) {
		return Version{}, errors.New("recipes: an act on a version runs in the stream of its recipe")
	}
	v, err := Find(ctx, tx, id)
	switch {
	case err != nil:
		return v, err
	case v.Ended.Person != "":
		return v, v.over()
	case !v.Reviewed():
		return v, fault.New(fault.NotReady, "Version %d of %s is %s, and what was said about it stays as it is. Comment on the next version.", v.Number, v.Code, language.Word(v.State.Words()))
	}
	return v, nil
}

// Reviewed tells whether the version takes comments.
func (v Version) Reviewed() bool {
	return v.State == Draft || v.State == InReview || v.State == Approved
}

const resolveComment = `update ebr.recipe_comments set resolution = @resolution, resolved_by = @person, resolved_at = @now, version = version + 1
	where id = @id and recipe_version = @version and version = @seen`

// Do resolves the comment.
func (c ResolveComment) Do(ctx context.Context, tx *audit.Tx) error {
	v, err := commented(ctx, tx, c.Version)
	if err != nil {
		return err
	}
	said, err := comments(ctx, tx, v.ID)
	if err != nil {
		return err
	}
	var one *Comment
	for i := range said {
		if said[i].ID == c.Comment {
			one = &said[i]
		}
	}
	person := tx.Actor().Person
	switch {
	case one == nil:
		return fault.New(fault.Missing, "There is no such comment on this version. Reload to see what was said.")
	case !one.Open():
		return fault.New(fault.Conflict, "This comment was already resolved by %s at %s.", one.Resolved.FullName, one.Resolved.At.Format(moment))
	case person == v.Imported.Person || person == v.Submitted.Person:
		return fault.New(fault.Refused, "You imported or submitted version %d of %s yourself. Another person has to resolve what was said about it.", v.Number, v.Code)
	}
	resolution, err := plaintext.Reason(FieldResolution, c.Resolution, plaintext.MaxComment)
	switch {
	case err != nil:
		return err
	case resolution == "":
		return fault.At(FieldResolution, "Say how the comment is resolved.")
	}
	v.note(tx)
	tx.Note("element", one.Element)
	tx.Note("words", one.Words)
	tx.Note("resolution", resolution)
	tx.Result(Result{v.ID})
	return moved(tx.Exec(ctx, resolveComment, pgx.NamedArgs{"id": one.ID, "version": v.ID, "seen": one.Row, "resolution": resolution, "person": person, "now": tx.Now()}))
}

// note makes the entry readable: which version of which recipe.
func (v Version) note(tx *audit.Tx) {
	tx.Note("recipe", v.Code)
	tx.Note("version", strconv.Itoa(v.Number))
	tx.Note("title", v.Title)
}

const commentsOfVersion = `select c.id::text, c.element, c.words, c.made_by::text, p.full_name, c.made_at, c.resolution, c.resolved_by::text, r.full_name, c.resolved_at, c.version
	from ebr.recipe_comments c join ebr.people p on p.id = c.made_by left join ebr.people r on r.id = c.resolved_by where c.recipe_version = @version order by c.made_at, c.id`

// comments reads what was said about a version, oldest first.
func comments(ctx context.Context, q audit.Querier, version string) ([]Comment, error) {
	rows, err := q.Query(ctx, commentsOfVersion, pgx.NamedArgs{"version": version})
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (c Comment, err error) {
		err = row.Scan(&c.ID, &c.Element, &c.Words, &c.Made.Person, &c.Made.FullName, &c.Made.At, &c.Resolution,
			(*zeronull.Text)(&c.Resolved.Person), (*zeronull.Text)(&c.Resolved.FullName), (*zeronull.Timestamptz)(&c.Resolved.At), &c.Row)
		return c, err
	})
}

// resolved refuses to approve a version, or to make it effective, while a comment on it is open.
func (m move) resolved(ctx context.Context, q audit.Querier, v Version) error {
	if m.to != Approved && m.to != Effective {
		return nil
	}
	said, err := comments(ctx, q, v.ID)
	if err != nil {
		return err
	}
	open, first := 0, ""
	for _, c := range said {
		if c.Open() {
			if open++; open == 1 {
				first = fmt.Sprintf("%s (%s)", c.Made.FullName, c.Made.At.Format(time.DateOnly))
			}
		}
	}
	if open == 0 {
		return nil
	}
	return fault.New(fault.NotReady, "Version %d of %s has open comments: %d, the first by %s. Resolve them, or send the version back.", v.Number, v.Code, open, first)
}
