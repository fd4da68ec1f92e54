package recipes

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/recipes/syntax"
	"veribatch/signatures/access"
)

// Block is one version of a building block in the library. It is added by the first recipe that brings it along, and is the same text for ever.
type Block struct {
	ID     string
	Code   string
	Number string // its version, as its text says it
	Title  string
	Digest string // hex SHA-256 of its text in canonical form
	Added  Stamp
	Used   int // in how many versions of recipes that have not ended
}

// blockID gives the id of a version of a building block.
func blockID(code, number string) string {
	return uuid.NewSHA1(codes, []byte("building block "+code+" "+number)).String()
}

// alone gives the text of a building block in canonical form.
func alone(b *syntax.Node) []byte { return syntax.Print(&syntax.Node{Blocks: []*syntax.Node{b}}) }

const (
	insertBlock = `insert into ebr.building_blocks (id, code, number, title, digest, added_by, added_at) values (@id, @code, @number, @title, @digest, @person, @now)
		on conflict (id) do nothing`
	digestOfBlock = `select encode(digest, 'hex') from ebr.building_blocks where id = @id`
	insertUsage   = `insert into ebr.recipe_blocks (id, recipe_version, block) values (@usage, @version, @id)`
	selectBlock   = `select b.id::text, b.code, b.number, b.title, encode(b.digest, 'hex'), b.added_by::text, p.full_name, b.added_at, u.used from ebr.building_blocks b join ebr.people p on p.id = b.added_by `
	usedIn        = `cross join lateral (select count(*) as of_areas, count(*) filter (where v.state in ('draft', 'in_review', 'approved', 'effective')) as used
		from ebr.recipe_blocks x join ebr.recipe_versions v on v.id = x.recipe_version join ebr.recipes r on r.id = v.recipe where x.block = b.id and array['*', r.area] && @areas) u where u.of_areas > 0`
	allBlocks      = selectBlock + usedIn + ` order by b.code, b.added_at desc, b.id`
	blockByID      = selectBlock + usedIn + ` and b.id::text = @id`
	blocksOfCode   = selectBlock + usedIn + ` and b.code = @code order by b.added_at desc, b.id`
	versionsOfUser = selectVersion + ` join ebr.recipe_blocks x on x.recipe_version = v.id where x.block::text = @id and array['*', r.area] && @areas
		and v.state in ('draft', 'in_review', 'approved', 'effective') order by r.code, v.number desc`
)

// keepBlocks puts the building blocks of a text into the library and notes that this version of the recipe holds them. A block that is there already has to be the same
// text: whoever changes one gives it another version, so that no recipe is changed silently.
func keepBlocks(ctx context.Context, tx *audit.Tx, r *Recipe, version string) error {
	for _, b := range r.Source.Of("building_block") {
		text := alone(b)
		digest := Digest(text)
		args := pgx.NamedArgs{
			"id": blockID(b.Label, b.Text("version")), "code": b.Label, "number": b.Text("version"), "title": b.Text("title"), "digest": digest[:],
			"person": tx.Actor().Person, "now": tx.Now(), "usage": uuid.Must(uuid.NewV7()), "version": version,
		}
		if _, err := tx.Keep(ctx, text); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, insertBlock, args); err != nil {
			return err
		}
		var kept string
		if err := tx.QueryRow(ctx, digestOfBlock, args).Scan(&kept); err != nil {
			return err
		}
		if kept != hex.EncodeToString(digest[:]) {
			return fault.At(FieldText, "The building block %s, version %s, is in the library with another text. Give the changed block another version, or take the text of the library.", b.Label, b.Text("version"))
		}
		if _, err := tx.Exec(ctx, insertUsage, args); err != nil {
			return err
		}
		tx.Note("building block "+b.Label, fmt.Sprintf("version %s, SHA-256 %s", b.Text("version"), kept))
	}
	return nil
}

// Blocks gives the building blocks that recipes of the areas use or used, by code, newest first.
func Blocks(ctx context.Context, q audit.Querier, areas []string) ([]Block, error) {
	return readBlocks(ctx, q, allBlocks, pgx.NamedArgs{"areas": areas})
}

// FindBlock gives one version of a building block with its text, and all versions of it, newest first.
func FindBlock(ctx context.Context, q audit.Querier, id string, areas []string) (b Block, text []byte, all []Block, err error) {
	found, err := readBlocks(ctx, q, blockByID, pgx.NamedArgs{"id": id, "areas": areas})
	if err == nil && len(found) == 0 {
		err = access.Unknown("building block")
	}
	if err != nil {
		return b, nil, nil, err
	}
	b = found[0]
	if text, err = Text(ctx, q, b.Digest); err != nil {
		return b, nil, nil, err
	}
	all, err = readBlocks(ctx, q, blocksOfCode, pgx.NamedArgs{"code": b.Code, "areas": areas})
	return b, text, all, err
}

// WhereUsed gives the versions of recipes of the areas that hold a version of a building block and have not ended.
func WhereUsed(ctx context.Context, q audit.Querier, block string, areas []string) ([]Version, error) {
	rows, err := q.Query(ctx, versionsOfUser, pgx.NamedArgs{"id": block, "areas": areas})
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanVersion)
}

func readBlocks(ctx context.Context, q audit.Querier, sql string, args pgx.NamedArgs) ([]Block, error) {
	rows, err := q.Query(ctx, sql, args)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (b Block, err error) {
		err = row.Scan(&b.ID, &b.Code, &b.Number, &b.Title, &b.Digest, &b.Added.Person, &b.Added.FullName, &b.Added.At, &b.Used)
		return b, err
	})
}

// WithBlock gives the recipe as it would be with another version of a building block in the place of every other version of it, and its text in canonical form. The recipe itself
// stays as it is. The faults are those that the change would bring about.
func (r *Recipe) WithBlock(text []byte) (changed *Recipe, canonical []byte, err error) {
	root, report := syntax.Read("building block", text)
	if root == nil || len(root.Of("building_block")) != 1 || len(report.Faults()) > 0 {
		return nil, nil, errors.New("recipes: this is not the text of one building block")
	}
	block := root.Of("building_block")[0]
	if !slices.ContainsFunc(r.Source.Of("building_block"), func(b *syntax.Node) bool { return b.Label == block.Label }) {
		return nil, nil, fault.New(fault.Missing, "This version of the recipe does not hold the building block %s.", block.Label)
	}
	copied, again := syntax.Read("recipe", Print(r))
	if faults := again.Faults(); len(faults) > 0 {
		return nil, nil, faults
	}
	var kept []*syntax.Node
	for _, b := range copied.Blocks {
		if b.Kind != "building_block" || b.Label != block.Label {
			kept = append(kept, b)
		}
	}
	copied.Blocks = append(kept, block)
	point(copied, block.Label, block.Text("version"))
	canonical = syntax.Print(copied)
	changed, faults := Check(r.Code, canonical)
	if len(faults) > 0 {
		return nil, canonical, faults
	}
	return changed, canonical, nil
}

// point lets every insert of a building block name this version of it.
func point(n *syntax.Node, block, version string) {
	for _, b := range n.Blocks {
		if b.Kind == "insert" && b.Text("block") == block {
			if a := b.Attr("version"); a != nil {
				a.Value.Text = version
			}
		}
		point(b, block, version)
	}
}
