package rehearsal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"veribatch/audit"
)

const signedStatements = `select e.seq, c.bytes from audit.entries e
	cross join lateral jsonb_array_elements(convert_from(e.body, 'UTF8')::jsonb -> 'changes') x
	join audit.contents c on c.digest = decode(x -> 'after' ->> 'statement_digest', 'hex')
	where e.stream = @stream and x ->> 'table' = 'ebr.signatures' order by e.seq`

// Entries gives the trail of a batch as text: each entry with all that it says and changes, and below it the statement that was signed. What may
// differ between two channels is taken out: times, ids, hashes, request keys, sessions and stations. Ids become numbers in the order in
// which they appear, so that what belongs together still does.
func (p *Plant) Entries(batch string) (entries []string) {
	p.T.Helper()
	stream, statements := audit.Stream("batch/"+batch), map[int64]string{}
	var rows []audit.Row
	err := p.Trail.Read(p.Ctx, func(r *audit.Reader) error {
		for f := (audit.Filter{Subject: stream, Oldest: true, Limit: 500}); ; f.After = rows[len(rows)-1].Cursor() {
			page, err := audit.History(p.Ctx, r, f)
			if rows = append(rows, page...); err != nil || len(page) < f.Limit {
				break
			}
		}
		signed, err := r.Query(p.Ctx, signedStatements, pgx.NamedArgs{"stream": string(stream)})
		if err != nil {
			return err
		}
		var seq int64
		var text []byte
		_, err = pgx.ForEachRow(signed, []any{&seq, &text}, func() error {
			statements[seq] += string(text)
			return nil
		})
		return err
	})
	require.NoError(p.T, err)
	plain := plainer{}
	for _, row := range rows {
		entries = append(entries, plain.text(p.T, row.Body)+plain.text(p.T, []byte(statements[row.Seq])))
	}
	return entries
}

// channel are the fields of an entry that say by which way it came.
var channel = []string{"key", "prev", "station"}

var (
	ids    = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	hashes = regexp.MustCompile(`\b[0-9a-f]{32,}\b`)
	times  = regexp.MustCompile(`\b20\d\d-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?( ?[+-]\d\d:\d\d|Z)?`)
)

// plainer replaces what may differ; it numbers ids.
type plainer map[string]string

// text prints JSON line by line, its names in alphabetical order.
func (p plainer) text(t require.TestingT, raw []byte) string {
	if len(raw) == 0 {
		return ""
	}
	var value map[string]any
	require.NoError(t, json.Unmarshal(raw, &value))
	for _, name := range channel {
		delete(value, name)
	}
	if by, ok := value["by"].(map[string]any); ok {
		delete(by, "session")
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	require.NoError(t, e.Encode(value))
	text := ids.ReplaceAllStringFunc(b.String(), func(id string) string {
		if p[id] == "" {
			p[id] = fmt.Sprintf("id %d", len(p)+1)
		}
		return p[id]
	})
	return times.ReplaceAllString(hashes.ReplaceAllString(text, "hash"), "time")
}

// Differences compares two trails entry by entry and shows what differs, line by line.
func Differences(one, other []string) (found []string) {
	if len(one) != len(other) {
		found = append(found, fmt.Sprintf("%d entries and %d entries", len(one), len(other)))
	}
	for i := range min(len(one), len(other)) {
		if one[i] == other[i] {
			continue
		}
		a, b := strings.Split(one[i], "\n"), strings.Split(other[i], "\n")
		for j := range max(len(a), len(b)) {
			if left, right := at(a, j), at(b, j); left != right {
				found = append(found, fmt.Sprintf("entry %d, line %d: %s | %s\nthe whole entry:\n%s", i+1, j+1, strings.TrimSpace(left), strings.TrimSpace(right), one[i]))
				break
			}
		}
	}
	return found
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(nothing)"
}
