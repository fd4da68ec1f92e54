package bundle

import (
	"crypto/ed25519"
	"encoding/hex"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// contentsFit makes check 26.
func (c *checker) contentsFit() *failure {
	for _, m := range c.contents {
		if "contents/"+digest(m.Bytes) != m.Name {
			return altered("content", "%s does not have the SHA-256 in its name", m.Name)
		}
	}
	return nil
}

// signatures makes checks 27 to 35.
func (c *checker) signatures() *failure {
	known := map[string]bool{}
	for _, e := range c.entries {
		rows := e.signatureRows()
		switch {
		case e.ticket == nil && len(rows) > 0, e.ticket != nil && (len(rows) != 1 || rows[0]["ticket"] != *e.ticket):
			return altered("signature-count", "%s %d has not the signatures that it must have", e.stream, e.seq)
		}
		for _, row := range rows {
			if f := c.signature(e, row, known); f != nil {
				return f
			}
		}
		for _, d := range e.named() {
			if _, there := c.members["contents/"+d]; !there {
				return incomplete("content-missing", "%.100q, which %s %d names, is not there", d, e.stream, e.seq)
			}
			known["contents/"+d] = true
		}
	}
	for _, m := range c.contents {
		if !known[m.Name] {
			return altered("content-unknown", "no entry names %s", m.Name)
		}
	}
	return nil
}

var signatureForm = regexp.MustCompile(`^[0-9a-f]{128}$`)

// signature makes checks 28 to 33 for one signature.
func (c *checker) signature(e entry, row map[string]any, known map[string]bool) *failure {
	var bytes [2][]byte
	for _, column := range []string{"statement_digest", "manifest_digest"} {
		d, _ := text(row, column)
		if !isDigest(d) {
			return altered("signature-fields", "the signature in %s %d names no %s", e.stream, e.seq, column)
		}
		known["contents/"+d] = true
	}
	for i, column := range []string{"statement_digest", "manifest_digest"} {
		d, _ := text(row, column)
		content, there := c.members["contents/"+d]
		if !there {
			return incomplete("content-missing", "%s, which %s %d names, is not there", d, e.stream, e.seq)
		}
		bytes[i] = content
	}
	signedAt, ok := agree(e, row, bytes[0], bytes[1])
	hexed, is := text(row, "manifest_signature")
	if !ok || !is || !signatureForm.MatchString(hexed) {
		return altered("signature-fields", "the signature in %s %d does not agree with what was signed", e.stream, e.seq)
	}
	signature, _ := hex.DecodeString(hexed) // signatureForm
	id, _ := text(row, "key_id")
	for _, k := range c.keys.Statements {
		if k.ID() != id {
			continue
		}
		if !ed25519.Verify(k.Public, sealed(bytes[1]), signature) {
			return altered("signature", "the signature in %s %d does not hold", e.stream, e.seq)
		}
		if signedAt.Before(k.From) || !k.Until.IsZero() && !signedAt.Before(k.Until) {
			c.doubt("key-time", "the signature in %s %d was made when its key did not count", e.stream, e.seq)
		}
		c.Signatures++
		return nil
	}
	c.doubt("statement-key", "the key %.40q of the signature in %s %d is not known", id, e.stream, e.seq)
	return nil
}

// agree says whether row, manifest, statement and entry say the same, and when it was signed.
func agree(e entry, row map[string]any, statementBytes, manifestBytes []byte) (at time.Time, ok bool) {
	statement, err := parseObject(statementBytes)
	if err != nil {
		return at, false
	}
	manifest, err := parseObject(manifestBytes)
	if err != nil {
		return at, false
	}
	same := func(names ...any) bool { // pairs of object and name, all the same text
		first, is := "", false
		for i := 0; i < len(names); i += 2 {
			one, there := text(names[i].(map[string]any), names[i+1].(string))
			if !there || is && one != first {
				return false
			}
			first, is = one, true
		}
		return true
	}
	entryAs := map[string]any{"act": e.act, "person": e.person}
	ok = same(manifest, "statement", row, "statement_digest") && same(manifest, "act", statement, "act", row, "act", entryAs, "act") &&
		same(manifest, "meaning", statement, "meaning", row, "meaning") && same(manifest, "person", row, "person", entryAs, "person") &&
		same(manifest, "name", row, "full_name") && same(manifest, "key", row, "key_id") && about(statement, e)
	if !ok {
		return at, false
	}
	said, _ := text(manifest, "signed_at")
	stored, _ := text(row, "signed_at")
	at, ok = moment(said, true)
	there, is := moment(stored, false)
	return at, ok && is && at.Equal(there)
}

// about says whether the statement names a record of the entry's stream or of one of its further subjects.
func about(statement map[string]any, e entry) bool {
	list, is := statement["records"].([]any)
	found := false
	for _, one := range list {
		record, object := one.(map[string]any)
		if !object {
			return false
		}
		if stream, is := text(record, "stream"); is && (stream == e.stream || e.names(stream)) {
			found = true
		}
	}
	return is && found
}

var momentForm = regexp.MustCompile(`^([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?)(Z|[+-][0-9]{2}:[0-9]{2}|)$`)

// moment reads a time with a zone, or one without, which is UTC.
func moment(text string, zoned bool) (at time.Time, ok bool) {
	m := momentForm.FindStringSubmatch(text)
	if m == nil || zoned != (m[2] != "") {
		return at, false
	}
	at, err := time.Parse("2006-01-02T15:04:05.999999", m[1])
	if err != nil || at.Year() < 1970 {
		return at, false
	}
	if m[2] == "" || m[2] == "Z" {
		return at, true
	}
	hours, _ := strconv.Atoi(m[2][1:3]) // momentForm
	minutes, _ := strconv.Atoi(m[2][4:])
	if hours > 23 || minutes > 59 {
		return at, false
	}
	offset := time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
	if strings.HasPrefix(m[2], "-") {
		offset = -offset
	}
	return at.Add(-offset), true
}
