package identity

import (
	_ "embed"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"
	"golang.org/x/text/unicode/norm"

	"veribatch/internal/fault"
	"veribatch/internal/plaintext"
)

// Length of a user name in characters.
const (
	minUserName = 3
	maxUserName = 40
	maxFullName = 120
)

// Name is a user name in the form in which it is stored and compared.
type Name struct {
	Canonical string // lower case, NFC: RFC 8265 UsernameCaseMapped
	Skeleton  string // two names with one skeleton look alike, and only one of them may exist: see skeleton
}

// ParseName judges a new user name: letters, digits and single . - _ of one script, no look-alike trick, no name that stands for several
// people (11.100(a): one person, one signature; fault F84). Errors stand at the field "user_name".
func ParseName(raw string) (Name, error) {
	if len(raw) > utf8.UTFMax*maxUserName {
		return Name{}, atName("is longer than %d characters.", maxUserName)
	}
	if !utf8.ValidString(raw) {
		return Name{}, atName("has bytes that are not characters. Type it again instead of pasting it.")
	}
	raw = norm.NFC.String(raw)
	for _, r := range raw {
		if !plaintext.Printable(r) || r == ' ' {
			return Name{}, atName("holds %s. Use letters, digits and . - _ only.", plaintext.Name(r))
		}
	}
	canonical, err := precis.UsernameCaseMapped.String(raw)
	if err != nil {
		return Name{}, fault.At("user_name", "The user name holds a character that user names cannot have. Use letters, digits and . - _ only.").Because(err)
	}
	if err := checkForm(canonical); err != nil {
		return Name{}, err
	}
	name := Name{Canonical: canonical, Skeleton: skeleton(canonical)}
	if isGeneric(name.Skeleton) {
		return Name{}, atName("%q does not name one person. Use a personal name, such as anna.keller.", canonical)
	}
	return name, nil
}

func atName(format string, args ...any) error {
	return fault.At("user_name", "The user name "+format, args...)
}

// checkForm applies the rules of form to the canonical name.
func checkForm(name string) error {
	n := utf8.RuneCountInString(name)
	if n < minUserName || n > maxUserName {
		return atName("has %d characters; %d to %d are allowed.", n, minUserName, maxUserName)
	}
	script := ""
	previous := '.'
	for _, r := range name {
		separator := r == '.' || r == '-' || r == '_'
		switch {
		case separator && (previous == '.' || previous == '-' || previous == '_'):
			return atName("starts with a sign or has two signs in a row. A sign stands between letters or digits.")
		case separator || r >= '0' && r <= '9':
		case scriptOf(r) == "":
			return atName("holds %q. Use letters, digits and . - _ only.", r)
		case script != "" && scriptOf(r) != script:
			return atName("mixes %s and %s letters, which look alike. Use one script.", script, scriptOf(r))
		default:
			script = scriptOf(r)
		}
		previous = r
	}
	if previous == '.' || previous == '-' || previous == '_' {
		return atName("ends with a sign. A sign stands between letters or digits.")
	}
	if script == "" {
		return atName("has no letter.")
	}
	return nil
}

// scriptOf names the script of a letter that user names may hold: those that the record prints.
func scriptOf(r rune) string {
	switch {
	case !unicode.IsLetter(r) || !plaintext.Printable(r):
		return ""
	case unicode.Is(unicode.Latin, r):
		return "Latin"
	case unicode.Is(unicode.Greek, r):
		return "Greek"
	case unicode.Is(unicode.Cyrillic, r):
		return "Cyrillic"
	}
	return ""
}

// Lookup gives the canonical form of a name that somebody typed to log in, without judging it; "" can be nobody's name.
func Lookup(raw string) string {
	if len(raw) > utf8.UTFMax*maxUserName {
		return ""
	}
	canonical, err := precis.UsernameCaseMapped.String(strings.TrimSpace(raw))
	if err != nil {
		return ""
	}
	return canonical
}

// ParseFullName judges the printed name of a person (21 CFR 11.50(a)(1)): 2 to 120 printable characters, at least two letters in a row.
func ParseFullName(raw string) (string, error) {
	name, err := plaintext.Clean("full_name", raw, maxFullName)
	if err != nil {
		return "", err
	}
	name = strings.Join(strings.Fields(name), " ")
	letters := 0
	for _, r := range name {
		if unicode.IsLetter(r) {
			letters++
		} else if !strings.ContainsRune(" .,'’-", r) {
			return "", fault.At("full_name", "The name holds %q. Write the person's name as it is to be printed beside signatures.", r)
		}
	}
	if letters < 2 {
		return "", fault.At("full_name", "Write the person's full name as it is to be printed beside signatures.")
	}
	return name, nil
}

// genericText is the list of names that do not name one person, readable by QA; its head says how it is read.
//
//go:embed generic.txt
var genericText string

// generic are the words of the list as skeletons: whole words, beginnings, and words that are refused in any company.
var generic = func() (list struct {
	words, alone map[string]bool
	beginnings   []string
}) {
	list.words, list.alone = map[string]bool{}, map[string]bool{}
	for line := range strings.Lines(genericText) {
		line, _, _ = strings.Cut(line, "#")
		for _, w := range strings.Fields(line) {
			if begin, ok := strings.CutSuffix(w, "*"); ok {
				list.beginnings = append(list.beginnings, skeleton(begin))
			} else if alone, ok := strings.CutPrefix(w, "!"); ok {
				list.alone[skeleton(alone)] = true
			} else {
				list.words[skeleton(w)] = true
			}
		}
	}
	return list
}()

// isGeneric splits a skeleton at signs and digits; "operator1", "test-user", "0perator" and "anna-shared" are generic, "operator.jane" is
// not. (In a skeleton the digits 0 and 1 have become letters, so each part is also looked at without a trailing l or o.)
func isGeneric(skeleton string) bool {
	parts := strings.FieldsFunc(skeleton, func(r rune) bool { return r == '.' || r >= '0' && r <= '9' })
	if slices.ContainsFunc(parts, func(part string) bool { return generic.alone[part] || generic.alone[strings.TrimRight(part, "lo")] }) {
		return true
	}
	for _, part := range parts {
		begins := slices.ContainsFunc(generic.beginnings, func(b string) bool { return strings.HasPrefix(part, b) })
		if !begins && !generic.words[part] && !generic.words[strings.TrimRight(part, "lo")] && strings.Trim(part, "lo") != "" {
			return false
		}
	}
	return true
}
