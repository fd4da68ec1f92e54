package identity

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// looksLike holds, for the lower-case letters and digits that a user name may contain, the Latin prototype that they are taken for on a
// screen or a print, in small or capital letters (after Unicode UTS 39, confusables; narrowed to the scripts that the record prints, and
// widened to letters whose capitals look alike).
var looksLike = map[rune]string{
	// digits and Latin
	'0': "o", '1': "l", 'm': "rn", 'w': "vv",
	'ı': "i", 'ĸ': "k", 'ŀ': "l", 'ł': "l", 'ŋ': "n", 'ŉ': "n", 'ø': "o", 'œ': "oe", 'æ': "ae", 'ß': "b", 'ð': "d", 'đ': "d", 'ħ': "h", 'ŧ': "t",
	'þ': "p", 'ſ': "f", 'ƒ': "f",
	// Greek
	'α': "a", 'β': "b", 'γ': "y", 'ε': "e", 'ζ': "z", 'η': "n", 'θ': "o", 'ι': "i", 'κ': "k", 'λ': "n", 'μ': "u", 'ν': "v", 'ο': "o", 'π': "n", 'ρ': "p",
	'σ': "o", 'ς': "c", 'τ': "t", 'υ': "u", 'χ': "x", 'ω': "vv", 'φ': "ф",
	// Cyrillic
	'а': "a", 'б': "6", 'в': "b", 'г': "r", 'ґ': "r", 'ђ': "h", 'е': "e", 'є': "e", 'з': "3", 'ѕ': "s", 'и': "u", 'і': "i", 'ј': "j", 'к': "k", 'л': "n",
	'м': "rn", 'н': "h", 'о': "o", 'п': "n", 'р': "p", 'с': "c", 'т': "t", 'ћ': "h", 'у': "y", 'х': "x", 'џ': "u", 'ц': "u", 'ш': "vv", 'щ': "vv",
	'ъ': "b", 'ы': "bl", 'ь': "b", 'ю': "lo", 'э': "3",
	// signs
	'-': ".", '_': ".",
}

// skeleton reduces a canonical user name to what the eye keeps: accents fall off, letters become their Latin prototype, signs become a
// dot. Two people whose names have one skeleton could be taken for each other in a signature, so the database takes only one of them.
func skeleton(canonical string) string {
	var b strings.Builder
	for _, r := range norm.NFD.String(strings.ToLower(canonical)) {
		if unicode.Is(unicode.Mn, r) {
			continue
		}
		if like, ok := looksLike[r]; ok {
			b.WriteString(like)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}
