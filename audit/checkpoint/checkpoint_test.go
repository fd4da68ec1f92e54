package checkpoint

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"

	"veribatch/audit/merkle"
)

// The example of the C2SP documents, with the cosignature of its witness.
const example = `example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
`

func TestTextOfTheExample(t *testing.T) {
	text, _, _ := strings.Cut(example, "\n\n")
	c, err := ParseText(text + "\n")
	require.NoError(t, err)
	require.Equal(t, int64(20852163), c.Size)
	require.Equal(t, text+"\n", c.Text())
	require.Equal(t, text+"\n", Format(merkle.Tree{Origin: c.Origin, Size: c.Size, Root: c.Root}))
}

func signedNote(t *testing.T, size int64) (string, *testKey) {
	w, l := newWorld(t), grown(t, int(size))
	signed, err := w.sign(l.request(0, size, 0))
	require.NoError(t, err)
	return string(signed), w.key
}

func TestParseIsStrict(t *testing.T) {
	good, key := signedNote(t, 12)
	text, lines, _ := strings.Cut(good, "\n\n")
	one, two, _ := strings.Cut(lines, "\n")
	exampleLine := strings.Split(example, "\n")[4]
	c, err := Parse([]byte(good+exampleLine+"\n"), key.verifiers(t))
	require.NoError(t, err, "lines of unknown keys are passed over")
	require.Len(t, c.Signers, 2)
	c, err = Parse([]byte(text+"\n\n"+one+"\n"), key.verifiers(t))
	require.NoError(t, err)
	require.True(t, c.Time(testName).IsZero(), "a plain signature has no time")

	other := newKey(2)
	for name, bad := range map[string]string{
		"nothing":             "",
		"no signature":        text + "\n",
		"no line":             text + "\n\n",
		"cut":                 good[:len(good)-2],
		"no last newline":     good[:len(good)-1],
		"an extension line":   text + "\nmore\n\n" + lines,
		"another size":        strings.Replace(good, "\n12\n", "\n13\n", 1),
		"a sign before it":    strings.Replace(good, "\n12\n", "\n+12\n", 1),
		"a zero before it":    strings.Replace(good, "\n12\n", "\n012\n", 1),
		"an empty line":       strings.Replace(good, "\n12\n", "\n12\n\n", 1),
		"a line twice":        good + one + "\n",
		"lines of Windows":    strings.ReplaceAll(good, "\n", "\r\n"),
		"a space at the end":  strings.Replace(good, one, one+" ", 1),
		"two spaces":          strings.Replace(good, "— ", "—  ", 1),
		"another dash":        strings.Replace(good, "— ", "- ", 1),
		"the lines' bits":     strings.Replace(good, one, one[:len(one)-4]+"AAA=", 1),
		"only unknown keys":   text + "\n\n" + exampleLine + "\n",
		"too long":            good + strings.Repeat(exampleLine+"\n", 2000),
		"not UTF-8":           strings.Replace(good, "veribatch", "veribatc\xff", 1),
		"a cosignature later": strings.Replace(good, two, redated(t, two), 1),
	} {
		_, err := Parse([]byte(bad), key.verifiers(t))
		require.Error(t, err, name)
	}
	_, err = Parse([]byte(good), other.verifiers(t))
	require.Error(t, err)
	_, err = Parse([]byte(good), nil)
	require.Error(t, err)
}

// No byte of what the signer wrote can be another: Parse alone lets a line of ours pass as one of an unknown key.
func TestNoByteOfTheSignersNoteIsFree(t *testing.T) {
	good, key := signedNote(t, 12)
	asSigned := func(text string) bool {
		c, err := Parse([]byte(text), key.verifiers(t))
		return err == nil && c.AsSigned([]byte(text))
	}
	require.True(t, asSigned(good))
	for i := range good {
		for _, bit := range []int{0, 1 + i%7} {
			bad := []byte(good)
			bad[i] ^= 1 << bit
			require.False(t, asSigned(string(bad)), "%q", bad)
		}
	}
	text, lines, _ := strings.Cut(good, "\n\n")
	one, two, _ := strings.Cut(lines, "\n")
	for name, bad := range map[string]string{
		"the plain line is gone":     text + "\n\n" + two,
		"the dated line is gone":     text + "\n\n" + one + "\n",
		"a line of an unknown key":   good + strings.Split(example, "\n")[4] + "\n",
		"the lines in another order": text + "\n\n" + two + one + "\n",
	} {
		_, err := Parse([]byte(bad), key.verifiers(t))
		require.NoError(t, err, name)
		require.False(t, asSigned(bad), name)
	}
}

// redated changes the time in the last line to one second later.
func redated(t *testing.T, lines string) string {
	t.Helper()
	raw, err := signatureLines([]byte("\n\n" + lines))
	require.NoError(t, err)
	for line, sig := range raw {
		sig[7]++
		name, _, _ := strings.Cut(strings.TrimPrefix(line, "— "), " ")
		again, err := note.Sign(&note.Note{Text: "x\n"}, fixed{name, sig})
		require.NoError(t, err)
		_, line, _ = strings.Cut(string(again), "\n\n")
		return line
	}
	return ""
}

type fixed struct {
	name string
	sig  []byte
}

func (f fixed) Name() string                { return f.name }
func (f fixed) KeyHash() uint32             { return keyHash(f.name, cosignatureEd25519, newKey(1).Public()) }
func (f fixed) Sign([]byte) ([]byte, error) { return f.sig, nil }

func TestTextIsStrict(t *testing.T) {
	const root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="
	for _, bad := range []string{
		"", "\n", "a\n1\n", "a\n1\n" + root, "a b\n1\n" + root + "\n", "a+b\n1\n" + root + "\n", "\n1\n" + root + "\n", "a\n-1\n" + root + "\n", "a\n1 \n" + root + "\n",
		"a\n9223372036854775808\n" + root + "\n", "a\n0x1\n" + root + "\n", "a\n1\n" + root[:43] + "\n", "a\n1\n" + strings.Replace(root, "2I=", "2J=", 1) + "\n", "a\n1\n" + root + root + "\n",
		"a\n0\n" + root + "\n", "a\u2028b\n1\n" + root + "\n", strings.Repeat("a", 256) + "\n1\n" + root + "\n", "a\x00\n1\n" + root + "\n", "a\n1\nAAAA\n",
	} {
		_, err := ParseText(bad)
		require.Error(t, err, "%q", bad)
	}
	_, err := ParseText(Checkpoint{Origin: "a", Root: emptyRoot}.Text())
	require.NoError(t, err)
}

func TestOrigin(t *testing.T) {
	name, epoch, err := SplitOrigin(testName + "/12")
	require.NoError(t, err)
	require.Equal(t, testName, name)
	require.Equal(t, 12, epoch)
	for _, bad := range []string{"", testName, testName + "/", testName + "/0", testName + "/01", testName + "/1/2", "x" + testName + "/1", testName + "/1 ", strings.ToUpper(testName) + "/1", testName + "/1234567890"} {
		_, _, err := SplitOrigin(bad)
		require.Error(t, err, bad)
	}
}

func TestKeysAsLines(t *testing.T) {
	key := newKey(3)
	verifiers, err := Verifiers("example.com/w", key.Public())
	require.NoError(t, err)
	for i, line := range []string{verifierKey("example.com/w", plainEd25519, key.Public()), VerifierKey("example.com/w", key.Public())} {
		v, err := NewVerifier(line)
		require.NoError(t, err)
		require.Equal(t, verifiers[i].KeyHash(), v.KeyHash())
		for _, bad := range []string{line[1:], line[:len(line)-1], strings.Replace(line, "+", "-", 1), strings.ToUpper(line), line + "=", verifierKey("a", 2, key.Public()), verifierKey("a b", 4, key.Public()), ""} {
			_, err := NewVerifier(bad)
			require.Error(t, err, bad)
		}
	}
	signed, err := note.Sign(&note.Note{Text: "text\n"}, Cosigner("example.com/w", key, testTime))
	require.NoError(t, err)
	opened, err := note.Open(signed, note.VerifierList(verifiers[1]))
	require.NoError(t, err)
	require.Len(t, opened.Sigs, 1)
	_, err = note.Sign(&note.Note{Text: "text\n"}, Cosigner("example.com/w", key, time.Unix(-1, 0)))
	require.Error(t, err)
}

// Whatever bytes come, Parse ends, and what it accepts stands there in the one way in which it can be written, signed by the key.
func FuzzParse(f *testing.F) {
	t := &testing.T{}
	key := newKey(1)
	signed, _ := note.Sign(&note.Note{Text: newLog(t, "a", "b").at(2).Text()}, plainSigner(testName, key), Cosigner(testName, key, testTime))
	f.Add(signed)
	f.Add([]byte(example))
	f.Add(append(signed, example[strings.Index(example, "— "):]...))
	f.Add([]byte("a\n0\n\n\n— a AAAAAAA=\n"))
	verifiers, err := Verifiers(testName, key.Public())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, err := Parse(raw, note.VerifierList(verifiers...))
		if err != nil {
			return
		}
		require.NotEmpty(t, c.Signers)
		again, err := Parse(raw, note.VerifierList(verifiers...))
		require.NoError(t, err)
		require.Equal(t, c, again)
		require.True(t, strings.HasPrefix(string(raw), c.Text()+"\n— "))
		for _, s := range c.Signers {
			require.Contains(t, string(raw), "\n"+s.Line+"\n")
		}
	})
}
