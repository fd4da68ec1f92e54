package recipes

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/signatures"
	"veribatch/signatures/access"
)

// State says where a version of a recipe stands in its life. The words are stored.
type State string

// The states of a version, in the order in which they are passed; the last two are other ends.
const (
	Draft      State = "draft"
	InReview   State = "in_review"
	Approved   State = "approved"
	Effective  State = "effective"
	Superseded State = "superseded"
	SentBack   State = "sent_back" // a reviewer refused it; the author imports a changed text as the next version
	Withdrawn  State = "withdrawn" // nobody starts a batch by it any more
)

// Words gives the state as people read it.
func (s State) Words() string {
	return strings.ReplaceAll(string(s), "_", " ")
}

// Stamp says who did something and when. Signature is "" for an act that is not signed.
type Stamp struct {
	Person, FullName string
	At               time.Time
	Signature        string
}

// Version is one version of a recipe as it stands in the store. It is never rewritten, only moved on in its life.
type Version struct {
	ID     string // "<id of the recipe>-<number>"
	Recipe string // id of the recipe, made from its code
	Code   string
	Number int // 1.. per code
	Title  string

	Product string
	Area    string
	State   State
	Digest  string // hex SHA-256 of the kept text

	Imported, Submitted, Approved, MadeEffective Stamp // the zero Stamp for what has not happened
	SupersededAt                                 time.Time
	Ended                                        Stamp  // sent back or withdrawn
	EndReason                                    string // why

	Row int // version of the record row, for signatures
}

// Stream is the stream of the trail in which the recipe's life stands; all its versions share it.
func (v Version) Stream() audit.Stream { return stream(v.Recipe) }

// Detail is a version with its text and what the text says.
type Detail struct {
	Version
	Recipe     *Recipe
	Text       string
	Signatures []signatures.Signature // in the order of signing
	Comments   []Comment              // of the review, oldest first
}

// codes is the name space of recipe ids: the id of a recipe is the UUID (version 5) of its code in it.
var codes = uuid.MustParse("0b6f2c1e-5d1a-5c0e-9a41-6c0c7f2f3d10")

// ID gives the id of the recipe with a code, whether it is stored or not.
func ID(code string) string { return uuid.NewSHA1(codes, []byte(code)).String() }

func stream(recipe string) audit.Stream { return audit.Stream("recipe/" + recipe) }

var versionForm = regexp.MustCompile(`^([0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12})-[1-9][0-9]{0,8}$`)

// StreamOf gives the stream of the recipe to which a version belongs; that of no recipe for what is no id of a version.
func StreamOf(version string) audit.Stream {
	if m := versionForm.FindStringSubmatch(version); m != nil {
		return stream(m[1])
	}
	return stream(uuid.Nil.String())
}

// The columns of a version, with the printed names of the persons.
const selectVersion = `select v.id, v.recipe::text, r.code, v.number, v.title, v.product, v.state, encode(v.digest, 'hex'), v.version, r.area,
	v.created_by::text, p1.full_name, v.created_at,
	v.submitted_by::text, p2.full_name, v.submitted_at, v.submit_signature::text,
	v.approved_by::text, p3.full_name, v.approved_at, v.approve_signature::text,
	v.effective_by::text, p4.full_name, v.effective_at, v.effective_signature::text, v.superseded_at,
	v.ended_by::text, p5.full_name, v.ended_at, v.end_signature::text, v.end_reason
	from ebr.recipe_versions v join ebr.recipes r on r.id = v.recipe
	join ebr.people p1 on p1.id = v.created_by left join ebr.people p2 on p2.id = v.submitted_by
	left join ebr.people p3 on p3.id = v.approved_by left join ebr.people p4 on p4.id = v.effective_by
	left join ebr.people p5 on p5.id = v.ended_by`

const (
	versionByID       = selectVersion + ` where v.id = @id`
	versionByText     = selectVersion + ` where v.recipe = @recipe and v.digest = @digest`
	versionEffective  = selectVersion + ` where v.recipe = @recipe and v.state = 'effective'`
	versionsOfRecipe  = selectVersion + ` where v.recipe = @recipe order by v.number desc`
	allVersions       = selectVersion + ` where array['*', r.area] && @areas order by r.code, v.number desc`
	effectiveVersions = selectVersion + ` where v.state = 'effective' and array['*', r.area] && @areas order by r.code`
)

func scanVersion(row pgx.CollectableRow) (v Version, err error) {
	text := func(s *string) *zeronull.Text { return (*zeronull.Text)(s) }
	at := func(t *time.Time) *zeronull.Timestamptz { return (*zeronull.Timestamptz)(t) }
	s, a, e, o := &v.Submitted, &v.Approved, &v.MadeEffective, &v.Ended
	err = row.Scan(&v.ID, &v.Recipe, &v.Code, &v.Number, &v.Title, &v.Product, &v.State, &v.Digest, &v.Row, &v.Area,
		&v.Imported.Person, &v.Imported.FullName, &v.Imported.At,
		text(&s.Person), text(&s.FullName), at(&s.At), text(&s.Signature),
		text(&a.Person), text(&a.FullName), at(&a.At), text(&a.Signature),
		text(&e.Person), text(&e.FullName), at(&e.At), text(&e.Signature), at(&v.SupersededAt),
		text(&o.Person), text(&o.FullName), at(&o.At), text(&o.Signature), &v.EndReason)
	return v, err
}

// List gives all versions of the recipes of the areas (as access.Grants.Areas gives them), by code, newest version first.
func List(ctx context.Context, q audit.Querier, areas []string) ([]Version, error) {
	rows, err := q.Query(ctx, allVersions, pgx.NamedArgs{"areas": areas})
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanVersion)
}

// Versions gives all versions of one recipe, newest first.
func Versions(ctx context.Context, q audit.Querier, recipe string) ([]Version, error) {
	rows, err := q.Query(ctx, versionsOfRecipe, pgx.NamedArgs{"recipe": recipe})
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanVersion)
}

// Current gives the versions of the areas by which a plant works or is about to work: of each recipe the effective one, else the newest that has not ended; by code.
func Current(ctx context.Context, q audit.Querier, areas []string) (current []Version, err error) {
	all, err := List(ctx, q, areas)
	for _, v := range all { // newest first within a recipe
		last := len(current) - 1
		switch {
		case v.State == Superseded || v.State == SentBack || v.State == Withdrawn:
		case last < 0 || current[last].Recipe != v.Recipe:
			current = append(current, v)
		case v.State == Effective:
			current[last] = v
		}
	}
	return current, err
}

// ListEffective gives the versions of the areas from which batches can be ordered, by code.
func ListEffective(ctx context.Context, q audit.Querier, areas []string) ([]Version, error) {
	rows, err := q.Query(ctx, effectiveVersions, pgx.NamedArgs{"areas": areas})
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanVersion)
}

// Find gives one version by its id, without its text.
func Find(ctx context.Context, q audit.Querier, id string) (Version, error) {
	if !versionForm.MatchString(id) {
		return Version{}, missing()
	}
	v, err := one(ctx, q, versionByID, pgx.NamedArgs{"id": id})
	if err == nil && v == nil {
		return Version{}, missing()
	}
	if err != nil {
		return Version{}, err
	}
	return *v, nil
}

// FindEffective gives the effective version of a recipe; nil when it has none.
func FindEffective(ctx context.Context, q audit.Querier, recipe string) (*Version, error) {
	return one(ctx, q, versionEffective, pgx.NamedArgs{"recipe": recipe})
}

func missing() error { return access.Unknown("recipe") }

// one gives the only version that a query finds; nil when it finds none.
func one(ctx context.Context, q audit.Querier, sql string, args pgx.NamedArgs) (*Version, error) {
	rows, err := q.Query(ctx, sql, args)
	if err != nil {
		return nil, err
	}
	v, err := pgx.CollectExactlyOneRow(rows, scanVersion)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return &v, err
}

// Get gives one version with its text and its signatures.
func Get(ctx context.Context, q audit.Querier, id string) (*Detail, error) {
	v, err := Find(ctx, q, id)
	if err != nil {
		return nil, err
	}
	text, err := Text(ctx, q, v.Digest)
	if err != nil {
		return nil, err
	}
	r, err := Parse(v.Code+" version "+strconv.Itoa(v.Number), text)
	if err != nil {
		return nil, err
	}
	signed, err := signed(ctx, q, v)
	if err != nil {
		return nil, err
	}
	said, err := comments(ctx, q, v.ID)
	return &Detail{Version: v, Recipe: r, Text: string(text), Signatures: signed, Comments: said}, err
}

const keptText = `select bytes from audit.contents where digest = @digest`

// Text reads a kept text by its digest (hex) and refuses bytes that do not give it: a changed master record is found before it is used.
func Text(ctx context.Context, q audit.Querier, digest string) ([]byte, error) {
	want, err := hex.DecodeString(digest)
	if err != nil {
		return nil, err
	}
	var text []byte
	err = q.QueryRow(ctx, keptText, pgx.NamedArgs{"digest": want}).Scan(&text)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return nil, err
	}
	if sum := sha256.Sum256(text); !bytes.Equal(sum[:], want) {
		return nil, fault.New(fault.Refused, "The kept text of this recipe was changed or taken away behind the system's back: its SHA-256 is %x and not %s. "+
			"Nothing was done. Tell QA and your administrator.", sum, digest)
	}
	return text, nil
}

// parsed keeps recipes by the digest of their text. What a digest stands for never changes, so nothing in it can be out of date.
var parsed = struct {
	sync.Mutex
	by map[string]*Recipe
}{by: map[string]*Recipe{}}

// keepParsed bounds the memory: a plant executes fewer recipes at a time.
const keepParsed = 200

// Load gives what the kept text with this digest (hex) says. Recipes are shared: nobody changes one.
func Load(ctx context.Context, q audit.Querier, digest string) (*Recipe, error) {
	parsed.Lock()
	r := parsed.by[digest]
	parsed.Unlock()
	if r != nil {
		return r, nil
	}
	text, err := Text(ctx, q, digest)
	if err != nil {
		return nil, err
	}
	r, err = Parse("recipe "+digest, text)
	if err != nil {
		return nil, err
	}
	parsed.Lock()
	defer parsed.Unlock()
	if len(parsed.by) >= keepParsed {
		clear(parsed.by)
	}
	parsed.by[digest] = r
	return r, nil
}

// signed reads the signatures of a version.
func signed(ctx context.Context, q audit.Querier, v Version) ([]signatures.Signature, error) {
	var ids []string
	for _, s := range []Stamp{v.Submitted, v.Approved, v.MadeEffective, v.Ended} {
		if s.Signature != "" {
			ids = append(ids, s.Signature)
		}
	}
	return signatures.Read(ctx, q, ids...)
}
