package bundle

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// entry is an entry as far as it is read.
type entry struct {
	stream, prev, hash string
	seq                int64
	act, person        string
	ticket             *string // nil: the entry carries no signature
	also               []string
	details            map[string]string
	changes            []change
}

type change struct {
	table, op string
	after     map[string]any // nil: none
}

var (
	entryHead = regexp.MustCompile(`^\{"v":1,"stream":"(` + streamForm + `)","seq":([1-9][0-9]{0,18}),"prev":"([0-9a-f]{64}|)","time":"`)
	errEntry  = errors.New("not an entry of the trail")
)

// parseEntry reads the bytes of an entry.
func parseEntry(body []byte) (e entry, err error) {
	head := entryHead.FindSubmatch(body)
	if head == nil {
		return e, errEntry
	}
	seq, ok := parseNumber(string(head[2]))
	all, err := parseObject(body)
	if err != nil || !ok {
		return e, errEntry
	}
	sum := sha256.Sum256(body)
	e = entry{stream: string(head[1]), seq: seq, prev: string(head[3]), hash: hex.EncodeToString(sum[:]), details: map[string]string{}}
	by, is := all["by"].(map[string]any)
	if e.act, ok = all["act"].(string); !ok || !is {
		return e, errEntry
	}
	if e.person, ok = by["person"].(string); !ok {
		return e, errEntry
	}
	if ticket, there := by["ticket"]; there {
		text, ok := ticket.(string)
		if !ok {
			return e, errEntry
		}
		e.ticket = &text
	}
	return e, errors.Join(e.readAlso(all), e.readDetails(all), e.readChanges(all))
}

func (e *entry) readAlso(all map[string]any) error {
	raw, there := all["also"]
	list, is := raw.([]any)
	if there && !is {
		return errEntry
	}
	for _, one := range list {
		text, is := one.(string)
		if !is {
			return errEntry
		}
		e.also = append(e.also, text)
	}
	return nil
}

func (e *entry) readDetails(all map[string]any) error {
	raw, there := all["details"]
	object, is := raw.(map[string]any)
	if there && !is {
		return errEntry
	}
	for name, one := range object {
		text, is := one.(string)
		if !is {
			return errEntry
		}
		e.details[name] = text
	}
	return nil
}

func (e *entry) readChanges(all map[string]any) error {
	list, is := all["changes"].([]any)
	if !is {
		return errEntry
	}
	for _, one := range list {
		object, is := one.(map[string]any)
		if !is {
			return errEntry
		}
		table, ok := object["table"].(string)
		op, is := object["op"].(string)
		after, object2 := object["after"].(map[string]any)
		if !ok || !is || !object2 && object["after"] != nil {
			return errEntry
		}
		e.changes = append(e.changes, change{table, op, after})
	}
	return nil
}

func (e entry) leaf() string { return fmt.Sprintf("entry %s %d %s\n", e.stream, e.seq, e.hash) }

func (e entry) names(stream string) bool { return slices.Contains(e.also, stream) }

// signatureRows are the rows of signatures that the entry inserts.
func (e entry) signatureRows() (rows []map[string]any) {
	for _, c := range e.changes {
		if c.table == "ebr.signatures" && c.op == "insert" && c.after != nil {
			rows = append(rows, c.after)
		}
	}
	return rows
}

// carriers are the columns, besides those of a signature, that name a content.
var carriers = map[string]string{"ebr.batches": "recipe_digest", "ebr.attachments": "digest"}

// named are the contents that rows of the entry name, those of signatures left out.
func (e entry) named() (digests []string) {
	for _, c := range e.changes {
		if d, is := c.after[carriers[c.table]].(string); is && carriers[c.table] != "" {
			digests = append(digests, d)
		}
	}
	return digests
}

// text gives a member of an object that is a text.
func text(object map[string]any, name string) (string, bool) {
	s, is := object[name].(string)
	return s, is
}

// sealed is what the key of a plant signs: the manifest under its purpose.
func sealed(manifest []byte) []byte {
	return bytes.Join([][]byte{[]byte("veribatch"), []byte("manifest"), manifest}, []byte{0})
}

// sortMembers sorts by name.
func sortMembers(list []Member) {
	slices.SortFunc(list, func(a, b Member) int { return strings.Compare(a.Name, b.Name) })
}

// Named are the digests of the contents that an entry names: those of its signatures, recipe texts and attachments.
func Named(body []byte) (digests []string, err error) {
	e, err := parseEntry(body)
	if err != nil {
		return nil, err
	}
	for _, row := range e.signatureRows() {
		for _, column := range []string{"statement_digest", "manifest_digest"} {
			if d, is := text(row, column); is {
				digests = append(digests, d)
			}
		}
	}
	return append(digests, e.named()...), nil
}
