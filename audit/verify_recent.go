package audit

import (
	"context"
	"crypto/sha256"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Place is where an entry stands.
type Place struct {
	Stream string
	Seq    int64
}

const (
	entriesOf = `select e.stream, e.seq, e.at, e.person, e.act, e.refused, e.body, e.hash, p.seq, p.at, p.hash
		from unnest(@streams::text[], @seqs::bigint[]) g (stream, seq) join audit.entries e on e.stream = g.stream and e.seq = g.seq
		left join audit.entries p on p.stream = e.stream and p.seq = e.seq - 1 order by e.stream, e.seq`
	headsOf = `select stream, seq, hash, at from audit.heads where stream = any(@streams) order by stream`
)

// VerifyEntries checks the entries of a list as Verify does, each behind the one before it, the heads of their streams, and the rows that they left. The
// list holds whatever was committed since some moment: then the newest change of a row in it is the newest of all. What it costs does not depend on how
// old the plant is; what was altered before that moment only Verify finds.
func VerifyEntries(ctx context.Context, q Querier, list []Place) (Report, error) {
	v := newVerifier(q)
	v.state = true
	args := pgx.NamedArgs{}
	var streams []string
	var seqs []int64
	for _, p := range list {
		streams, seqs = append(streams, p.Stream), append(seqs, p.Seq)
	}
	args["streams"], args["seqs"] = streams, seqs
	rows, err := q.Query(ctx, entriesOf, Binary, args)
	if err != nil {
		return v.Report, err
	}
	err = Pour(rows, func(row [][]byte) error {
		v.Entries++
		s := readStored(row)
		if last := v.heads[string(s.stream)]; row[8] != nil && (last == nil || last.seq != s.seq-1) {
			v.heads[string(s.stream)] = &link{seq: number(row[8]), at: TimeOf(row[9]), hash: slices.Clone(row[10])}
			v.last = nil
		}
		v.chain(s)
		return nil
	})
	if err != nil {
		return v.Report, err
	}
	v.Streams = int64(len(v.heads))
	if rows, err = q.Query(ctx, headsOf, args); err == nil {
		err = v.compareHeads(rows)
	}
	if err == nil {
		err = v.touchedMatch(ctx)
	}
	return v.Report, err
}

// touchedMatch compares the rows that the entries changed with what they left of them.
func (v *verifier) touchedMatch(ctx context.Context) error {
	tables, err := v.recordTables(ctx)
	if err != nil {
		return err
	}
	for _, t := range tables {
		var ids []string
		for _, key := range slices.Sorted(maps.Keys(v.rows)) {
			if table, id, _ := strings.Cut(key, " "); table == t.Name {
				ids = append(ids, id)
			}
		}
		if len(ids) == 0 || !recordTableName.MatchString(t.Name) || !slices.Contains([]string{"uuid", "text", "boolean"}, t.ID) {
			continue
		}
		if err := v.touchedRows(ctx, t, ids); err != nil {
			return err
		}
	}
	for _, key := range slices.Sorted(maps.Keys(v.rows)) {
		v.found("%s: the trail has it (%s), the table does not", rowName(key), v.rows[key].where())
	}
	return nil
}

func (v *verifier) touchedRows(ctx context.Context, t recordTable, ids []string) error {
	rows, err := v.q.Query(ctx, `select r.id::text, audit.image_`+strings.TrimPrefix(t.Name, "ebr.")+`(r)::text from `+t.Name+` r where r.id = any($1::text[]::`+t.ID+`[])`, ids)
	if err != nil {
		return err
	}
	wrong := map[string]string{}
	var id, image string
	_, err = pgx.ForEachRow(rows, []any{&id, &image}, func() error {
		v.Rows++
		if sha256.Sum256([]byte(image)) != v.rows[t.Name+" "+id].digest {
			wrong[id] = image
			return nil
		}
		delete(v.rows, t.Name+" "+id)
		return nil
	})
	if err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(wrong)) {
		if err := v.nameColumns(ctx, t, id, wrong[id], v.rows[t.Name+" "+id]); err != nil {
			return err
		}
		delete(v.rows, t.Name+" "+id)
	}
	return nil
}
