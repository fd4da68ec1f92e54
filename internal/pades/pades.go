// Package pades owns the signature on a PDF that every viewer can check: an incremental update that leaves the document as it was and adds a CMS signature
// over all of it, in the baseline profile B-B of PAdES (ETSI EN 319 142-1). It knows only documents as this program writes them, holds no key, and decides
// nothing about trust: that is the certificate's. Start reading at Sign.
package pades

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

// Signer is a key and the certificate that says whose it is. The key signs SHA-256 digests by ECDSA P-256 and answers in ASN.1.
type Signer struct {
	Key         crypto.Signer
	Certificate *x509.Certificate
}

// Words are what a viewer shows beside the signature.
type Words struct {
	Reason string
	At     time.Time // when it was signed, as the signer says
}

// room is how many bytes the CMS signature may take: certificates of an authority that are longer than usual fit too.
const room = 16 << 10

var (
	errDocument = errors.New("the document is no PDF as this program writes it")
	trailerOf   = regexp.MustCompile(`trailer\n<<\n/Size (\d+)\n/Root (\d+) 0 R\n/Info (\d+) 0 R\n>>\nstartxref\n(\d+)\n%%EOF\n$`)
	firstPage   = regexp.MustCompile(`/Kids \[(\d+) 0 R`)
)

// Sign gives the document with an invisible signature field on its first page. Every byte of the document stays where it is and is signed.
func Sign(document []byte, s Signer, w Words) ([]byte, error) {
	u, err := read(document)
	if err != nil {
		return nil, err
	}
	u.text.Write(document)
	hole, err := u.append(w)
	if err != nil {
		return nil, err
	}
	signed := u.text.Bytes()
	ranges := fmt.Sprintf("[0 %010d %010d %010d]", hole, hole+2*room+2, len(signed)-hole-2*room-2)
	copy(signed[bytes.LastIndex(signed[:hole], []byte(rangesPlace)):], ranges)
	digest := sha256.New()
	digest.Write(signed[:hole])
	digest.Write(signed[hole+2*room+2:])
	message, err := s.message(digest.Sum(nil))
	if err != nil {
		return nil, err
	}
	if len(message) > room {
		return nil, fmt.Errorf("the signature takes %d bytes, and a document has room for %d", len(message), room)
	}
	hex.Encode(signed[hole+1:], message)
	return signed, nil
}

// update is the part that is added to a document.
type update struct {
	text                       bytes.Buffer
	size, catalog, info, start int
	page                       int
	catalogText, pageText      string
	offsets                    map[int]int
}

// read finds what an incremental update refers to: the last trailer, the catalog and the first page.
func read(document []byte) (*update, error) {
	end := trailerOf.FindSubmatch(document[max(0, len(document)-300):])
	if end == nil || !bytes.HasPrefix(document, []byte("%PDF-1.")) {
		return nil, errDocument
	}
	u := &update{offsets: map[int]int{}}
	for i, n := range []*int{&u.size, &u.catalog, &u.info, &u.start} {
		*n, _ = strconv.Atoi(string(end[i+1])) // digits; beyond an int they are 0, which is no object
	}
	places, err := u.places(document)
	if err != nil {
		return nil, err
	}
	if u.catalogText, err = object(document, places, u.catalog); err != nil {
		return nil, err
	}
	pages, err := object(document, places, 1)
	if err != nil {
		return nil, err
	}
	first := firstPage.FindStringSubmatch(pages)
	if first == nil || strings.Contains(u.catalogText, "/AcroForm") {
		return nil, errDocument
	}
	u.page, _ = strconv.Atoi(first[1])
	u.pageText, err = object(document, places, u.page)
	return u, err
}

// places reads the table of objects: the place of each by its number.
func (u *update) places(document []byte) ([]int, error) {
	head := fmt.Sprintf("xref\n0 %d\n", u.size)
	if u.start < 1 || u.start > len(document) || u.size > len(document) || u.start+len(head)+20*u.size > len(document) || string(document[u.start:u.start+len(head)]) != head {
		return nil, errDocument
	}
	places := make([]int, u.size)
	for i := range places {
		at, err := strconv.ParseUint(string(document[u.start+len(head)+20*i:][:10]), 10, 63)
		if err != nil || at > uint64(u.start) {
			return nil, errDocument
		}
		places[i] = int(at)
	}
	return places, nil
}

// object gives the dictionary of an object without its outer brackets.
func object(document []byte, places []int, number int) (string, error) {
	if number < 1 || number >= len(places) {
		return "", errDocument
	}
	text, whole := strings.CutPrefix(string(document[places[number]:min(len(document), places[number]+1<<20)]), fmt.Sprintf("%d 0 obj\n<<", number))
	inner, _, ended := strings.Cut(text, "\nendobj")
	inner, closed := strings.CutSuffix(strings.TrimSpace(inner), ">>")
	if !whole || !ended || !closed {
		return "", errDocument
	}
	return inner, nil
}

const rangesPlace = "[0 0000000000 0000000000 0000000000]"

// append writes signature, field, page and catalog, and a table of them. It gives the place of the hole for the CMS signature.
func (u *update) append(w Words) (hole int, err error) {
	signature, field := u.size, u.size+1
	u.begin(signature)
	fmt.Fprintf(&u.text, "<</Type /Sig /Filter /Adobe.PPKLite /SubFilter /ETSI.CAdES.detached /Reason %s /M (D:%s) /ByteRange %s /Contents ", text(w.Reason), w.At.UTC().Format("20060102150405Z"), rangesPlace)
	hole = u.text.Len()
	u.text.WriteString("<" + strings.Repeat("0", 2*room) + ">>>\nendobj\n")
	u.begin(field)
	fmt.Fprintf(&u.text, "<</Type /Annot /Subtype /Widget /FT /Sig /T %s /V %d 0 R /P %d 0 R /Rect [0 0 0 0] /F 132>>\nendobj\n", text("Signature"), signature, u.page)
	before, after, linked := strings.Cut(u.pageText, "/Annots [")
	u.begin(u.page)
	if linked {
		fmt.Fprintf(&u.text, "<<%s/Annots [%d 0 R %s>>\nendobj\n", before, field, after)
	} else {
		fmt.Fprintf(&u.text, "<<%s\n/Annots [%d 0 R]>>\nendobj\n", u.pageText, field)
	}
	u.begin(u.catalog)
	fmt.Fprintf(&u.text, "<<%s/AcroForm <</Fields [%d 0 R] /SigFlags 3>>\n>>\nendobj\n", u.catalogText, field)
	table := u.text.Len()
	u.text.WriteString("xref\n")
	for _, part := range [][]int{{u.page}, {u.catalog}, {signature, field}} {
		fmt.Fprintf(&u.text, "%d %d\n", part[0], len(part))
		for _, n := range part {
			fmt.Fprintf(&u.text, "%010d 00000 n \n", u.offsets[n])
		}
	}
	fmt.Fprintf(&u.text, "trailer\n<<\n/Size %d\n/Root %d 0 R\n/Info %d 0 R\n/Prev %d\n>>\nstartxref\n%d\n%%%%EOF\n", u.size+2, u.catalog, u.info, u.start, table)
	if u.page > u.catalog || u.text.Len() > 1e9 {
		return 0, errDocument
	}
	return hole, nil
}

func (u *update) begin(number int) {
	u.offsets[number] = u.text.Len()
	fmt.Fprintf(&u.text, "%d 0 obj\n", number)
}

// text is a text of a PDF in UTF-16, in hex.
func text(s string) string {
	var b strings.Builder
	b.WriteString("<FEFF")
	for _, unit := range utf16.Encode([]rune(s)) {
		fmt.Fprintf(&b, "%04X", unit)
	}
	return b.String() + ">"
}
