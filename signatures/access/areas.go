package access

import (
	"context"
	"regexp"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/internal/plaintext"
)

// Area is a part of the plant in which batches are made and for which roles are held (ISA-95).
type Area struct {
	Code    string // stands in roles, recipes, batches and the trail; never changes
	Title   string
	Version int
}

// CreateArea adds an area. It stays for ever, as what is made in it does.
type CreateArea struct {
	Code   string `json:"code" form:"code"`
	Title  string `json:"title" form:"title"`
	Reason string `json:"reason" form:"reason"`
}

// RenameArea gives an area another title.
type RenameArea struct {
	Area   string `json:"area" form:"-"`
	Title  string `json:"title" form:"title"`
	Reason string `json:"reason" form:"reason"`
}

var areaCode = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,39}$`)

// AreaSubject names an area among the subjects of an act; nothing for what is no code of an area.
func AreaSubject(code string) []audit.Stream {
	if !areaCode.MatchString(code) {
		return nil
	}
	return []audit.Stream{audit.Stream("area/" + code)}
}

// Act is the word of the act.
func (CreateArea) Act() string { return "area.create" }

// Act is the word of the act.
func (RenameArea) Act() string { return "area.rename" }

// Home is the stream of the plant.
func (CreateArea) Home() audit.Stream { return audit.Site }

// Home is the stream of the plant.
func (RenameArea) Home() audit.Stream { return audit.Site }

// Also names the area.
func (c CreateArea) Also() []audit.Stream { return AreaSubject(c.Code) }

// Also names the area.
func (c RenameArea) Also() []audit.Stream { return AreaSubject(c.Area) }

// Why is the person's reason.
func (c CreateArea) Why() string { return c.Reason }

// Why is the person's reason.
func (c RenameArea) Why() string { return c.Reason }

var (
	_ = audit.Explain("areas_pkey", fault.Conflict, "There is an area with this code already. Reload to see it.")
	_ = audit.Explain("areas_title_once", fault.Conflict, "There is an area with this title already. Choose another title.")
)

const (
	insertArea = `insert into ebr.areas (id, title) values (@code, @title)`
	renameArea = `update ebr.areas set title = @title, version = version + 1 where id = @code`
	selectArea = `select id, title, version from ebr.areas`
	allAreas   = selectArea + ` order by title`
	someAreas  = selectArea + ` where array['*', id] && @areas order by title`
)

// Do adds the area.
func (c CreateArea) Do(ctx context.Context, tx *audit.Tx) error {
	if !areaCode.MatchString(c.Code) {
		return fault.At("code", "A code has 1 to 40 small letters, digits, - or _, such as solids-2.")
	}
	title, err := words(c.Title, c.Reason)
	if err != nil {
		return err
	}
	tx.Note("area", c.Code)
	tx.Note("title", title)
	_, err = tx.Exec(ctx, insertArea, pgx.NamedArgs{"code": c.Code, "title": title})
	return err
}

// Do gives the area its new title.
func (c RenameArea) Do(ctx context.Context, tx *audit.Tx) error {
	title, err := words(c.Title, c.Reason)
	if err != nil {
		return err
	}
	tx.Note("area", c.Area)
	tx.Note("title", title)
	tag, err := tx.Exec(ctx, renameArea, pgx.NamedArgs{"code": c.Area, "title": title})
	if err == nil && tag.RowsAffected() != 1 {
		return fault.New(fault.Missing, "There is no such area. Open it from the list of areas.")
	}
	return err
}

// words checks what was typed about an area.
func words(title, reason string) (string, error) {
	title, err := plaintext.Clean("title", title, 60)
	if err != nil {
		return "", err
	}
	if len([]rune(title)) < 2 {
		return "", fault.At("title", "The title is missing. Write what people call this part of the plant.")
	}
	reason, err = plaintext.Reason("reason", reason, 400)
	if err == nil && reason == "" {
		err = fault.At("reason", "The reason is missing. Say why this is done.")
	}
	return title, err
}

// AllAreas lists the areas of the plant by title.
func AllAreas(ctx context.Context, q audit.Querier) ([]Area, error) {
	rows, err := q.Query(ctx, allAreas)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Area])
}

// AreasWhere lists the areas in which the person may do the act, by title.
func AreasWhere(ctx context.Context, q audit.Querier, person, act string) ([]Area, error) {
	grants, err := GrantsOf(ctx, q, person)
	if err != nil {
		return nil, err
	}
	rows, err := q.Query(ctx, someAreas, pgx.NamedArgs{"areas": grants.Areas(act)})
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Area])
}
