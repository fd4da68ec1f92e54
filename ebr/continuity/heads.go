package continuity

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
)

// Heads is how far the trail has come: the newest entry of every stream as lines of stream,seq,hash. A copy that holds these entries, with
// chains that agree, holds everything that was entered until then.
type Heads struct {
	CSV              []byte
	Entries, Streams int64
	Newest           time.Time
}

const everyHead = `select stream, seq, encode(hash, 'hex'), at from audit.heads where seq > 0 order by stream`

// ReadHeads gives the heads of one snapshot.
func ReadHeads(ctx context.Context, q audit.Querier) (h Heads, err error) {
	rows, err := q.Query(ctx, everyHead)
	if err != nil {
		return h, err
	}
	var text bytes.Buffer
	w := csv.NewWriter(&text)
	var stream, hash string
	var seq int64
	var at time.Time
	_, err = pgx.ForEachRow(rows, []any{&stream, &seq, &hash, &at}, func() error {
		h.Entries += seq
		h.Streams++
		if at.After(h.Newest) {
			h.Newest = at
		}
		return w.Write([]string{stream, strconv.FormatInt(seq, 10), hash})
	})
	w.Flush()
	h.CSV = text.Bytes()
	return h, err
}

const lacking = `select t.stream, t.seq from unnest(@streams::text[], @seqs::bigint[], @hashes::text[]) as t (stream, seq, hash)
	left join audit.entries e on e.stream = t.stream and e.seq = t.seq where e.hash is distinct from decode(t.hash, 'hex') order by t.stream limit 20`

// Lacking names the entries of heads that a trail does not hold as they were; at most 20.
func Lacking(ctx context.Context, q audit.Querier, heads []byte) (found []string, err error) {
	lines, err := csv.NewReader(bytes.NewReader(heads)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("continuity: the list of newest entries: %w", err)
	}
	var streams, seqs, hashes []string
	for _, l := range lines {
		if len(l) != 3 {
			return nil, fmt.Errorf("continuity: the list of newest entries has a line of %d fields", len(l))
		}
		streams, seqs, hashes = append(streams, l[0]), append(seqs, l[1]), append(hashes, l[2])
	}
	rows, err := q.Query(ctx, lacking, pgx.NamedArgs{"streams": streams, "seqs": seqs, "hashes": hashes})
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		var stream string
		var seq int64
		err := row.Scan(&stream, &seq)
		return fmt.Sprintf("entry %s #%d", stream, seq), err
	})
}
