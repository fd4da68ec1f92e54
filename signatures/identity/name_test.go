package identity

import (
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"

	"veribatch/internal/fault"
)

func TestParseName(t *testing.T) {
	for raw, want := range map[string]string{
		"anna.keller": "anna.keller", "Anna.Keller": "anna.keller", "ANNA_K": "anna_k", "o-brien2": "o-brien2", "jürgen": "jürgen", "JU\u0308RGEN": "jürgen",
		"иван.петров": "иван.петров", "ελενη.π": "ελενη.π", "operator.jane": "operator.jane", "anna7": "anna7", "łukasz": "łukasz", "test.pilot": "test.pilot",
	} {
		got, err := ParseName(raw)
		if err != nil || got.Canonical != want {
			t.Errorf("%q: %q, %v; want %q", raw, got.Canonical, err, want)
		}
	}
	for raw, says := range map[string]string{
		"":                         "0 characters",
		"ak":                       "2 characters",
		strings.Repeat("a", 41):    "41 characters",
		strings.Repeat("a", 1<<20): "longer than 40",
		"anna keller":              "U+0020",
		"anna\u200bkeller":         "zero-width space",
		"anna\u200dkeller":         "zero-width joiner",
		"\u202eanna":               "right-to-left override",
		"anna\u2066":               "U+2066",
		"anna\x00":                 "U+0000",
		"anna\n":                   "U+000A",
		"anna\ufeff":               "byte order mark",
		"\xffanna":                 "not characters",
		"ａｎｎａ":                     "U+FF41",
		"𝐚𝐧𝐧𝐚":                     "U+1D41A",
		"anna😀":                    "U+1F600",
		"аnna":                     "mixes Cyrillic and Latin",
		"annа.keller":              "mixes Latin and Cyrillic",
		"αnna":                     "mixes Greek and Latin",
		"אנה":                      "U+05D0",
		"安娜安娜":                     "U+5B89",
		"anna@site":                "'@'",
		"anna/keller":              "'/'",
		"<anna>":                   "'<'",
		"anna'--":                  "'\\''",
		".anna":                    "starts with a sign",
		"anna..k":                  "two signs",
		"anna-":                    "ends with a sign",
		"12345":                    "no letter",
		"½anna":                    "cannot have",
		"admin":                    "one person",
		"Administrator":            "one person",
		"operator1":                "one person",
		"operator10":               "one person",
		"0perator":                 "one person",
		"test_user":                "one person",
		"shared-lab":               "one person",
		"shift2.line1":             "one person",
		"root":                     "one person",
		"system":                   "one person",
		"qa-2":                     "one person",
		"админ":                    "one person",
		"оператор1":                "one person",
	} {
		f := fault.As(errOf(ParseName(raw)))
		if f == nil || f.Kind != fault.Invalid || f.Field != "user_name" || !strings.Contains(f.Message, says) {
			t.Errorf("%.30q: got %v, want a fault with %q", raw, f, says)
		}
	}
}

func errOf[T any](_ T, err error) error { return err }

// lookAlikes are characters, from all of Unicode, that are shown like the Latin letter (UTS 39 and the letters' capitals).
var lookAlikes = map[rune]string{
	'a': "аαɑａ𝐚𝑎𝒂𝓪𝔞𝕒𝖆𝖺𝗮𝘢𝚊⍺ᴀꭺ𐊠áàâäãåāăąǎ", 'b': "ЬьвƄᏏᖯｂ𝐛𝑏𝒃𝓫β", 'c': "сϲⅽｃ𝐜𝑐ᴄꮯçćčĉċ", 'd': "ԁⅾᏧｄ𝐝𝑑đď", 'e': "еҽ℮ｅ𝐞𝑒ꬲєéèêëēĕėęěε",
	'f': "ſƒϝꞙｆ𝐟", 'g': "ɡցᶃｇ𝐠𝑔ğĝġģ", 'h': "һհᏂｈ𝐡ћђħĥн", 'i': "іıɩιⅰ℩ｉ𝐢𝑖ꙇӏïíìîĩīĭįї", 'j': "јϳｊ𝐣ĵ", 'k': "кκᴋｋ𝐤ķĸќ", 'l': "1ⅼ׀ߊǀ|ｌ𝐥łĺļľ",
	'n': "пηոռｎ𝐧ñńņňŋπл", 'o': "оοօσ0〇ഠ๐໐ｏ𝐨𝑜ᴏøóòôöõōŏőθ", 'p': "рρϱⲣｐ𝐩þ", 'r': "гᴦⲅꭇｒ𝐫ґѓŕŗř", 's': "ѕƽꜱｓ𝐬śŝşšș", 't': "тτｔ𝐭ťţț",
	'u': "υսʋꞟｕ𝐮úùûüũūŭůűųиц", 'v': "νѵטⅴｖ𝐯", 'x': "хχ×ⅹｘ𝐱", 'y': "уγүყｙ𝐲ÿýŷў", 'z': "ᴢꮓｚ𝐳žźżζ", '.': "-_·․‐‑‒–‗",
}

// F84: a name made of an existing one by look-alikes is either no name at all or has the same skeleton, so that the unique index
// refuses it.
func TestLookAlikesOfExistingNames(t *testing.T) {
	tried, same := 0, 0
	for _, existing := range []string{"anna.keller", "jon.okafor", "pascal", "xavier.dubois", "ruby_fox", "hugo.zac"} {
		name, err := ParseName(existing)
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range existing {
			for _, like := range lookAlikes[r] {
				forged := existing[:i] + string(like) + existing[i+1:]
				tried++
				got, err := ParseName(forged)
				if err == nil && got.Skeleton != name.Skeleton && got.Canonical != name.Canonical {
					t.Errorf("%q passes beside %q (%q, %q)", forged, existing, got.Skeleton, name.Skeleton)
				}
				if err == nil {
					same++
				}
			}
		}
	}
	if tried < 500 || same < 50 {
		t.Errorf("only %d tried, %d of them names", tried, same)
	}
	for _, pair := range [][2]string{{"сара", "capa"}, {"kerner", "kemer"}, {"vvalter", "walter"}, {"anna1", "annal"}, {"bob0", "bobo"}, {"οπα", "опа"}, {"müller", "muller"}} {
		if skeleton(pair[0]) != skeleton(pair[1]) {
			t.Errorf("%s and %s have different skeletons %q, %q", pair[0], pair[1], skeleton(pair[0]), skeleton(pair[1]))
		}
	}
	for _, pair := range [][2]string{{"anna.keller", "anna.kellner"}, {"иван", "игорь"}, {"anna2", "anna3"}} {
		if skeleton(pair[0]) == skeleton(pair[1]) {
			t.Errorf("%s and %s have one skeleton", pair[0], pair[1])
		}
	}
}

func TestParseFullName(t *testing.T) {
	for raw, want := range map[string]string{" Anna  Keller ": "Anna Keller", "Seán O'Brien-Smith, Dr.": "Seán O'Brien-Smith, Dr.", "Иван Петров": "Иван Петров"} {
		if got, err := ParseFullName(raw); got != want || err != nil {
			t.Errorf("%q: %q, %v", raw, got, err)
		}
	}
	for _, raw := range []string{"", "A", "..", "Anna\u200bK", "Anna\nKeller", "Anna 2", "<b>Anna</b>", strings.Repeat("Anna ", 40), "安娜 王"} {
		if f := fault.As(errOf(ParseFullName(raw))); f == nil || f.Field != "full_name" {
			t.Errorf("%.20q: %v", raw, f)
		}
	}
}

// FuzzParseName: a name that passes is stable, NFC, of one case and short, and nothing that looks alike in another spelling has another
// skeleton.
func FuzzParseName(f *testing.F) {
	for _, s := range []string{"anna.keller", "JÜRGEN", "иван", "ελενη", "a\u0308bc", "ﬁona", "İpek"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		name, err := ParseName(raw)
		if err != nil {
			if fault.KindOf(err) != fault.Invalid {
				t.Fatal(err)
			}
			return
		}
		again, err := ParseName(name.Canonical)
		if err != nil || again != name {
			t.Fatalf("%q became %+v and then %+v, %v", raw, name, again, err)
		}
		if !norm.NFC.IsNormalString(name.Canonical) || Lookup(raw) != name.Canonical || skeleton(strings.ToUpper(name.Canonical)) != name.Skeleton {
			t.Fatalf("%q: %+v", raw, name)
		}
	})
}

// The list that QA reads: in several languages, with signs and digits, in part and in look-alikes; names of persons pass.
func TestGenericNamesAreRefused(t *testing.T) {
	for _, raw := range []string{"operator1", "admin", "qa-shared", "anna-shared", "lab2", "laborant", "laboratorio", "shared.anna", "schicht3", "equipe.1", "gemeinsam",
		"anna.gemeinsam", "test.user", "0perator", "оператор", "οπερατορ.shared", "utilisateur7", "usuario", "Nachtschicht"} {
		if _, err := ParseName(raw); err == nil {
			t.Errorf("%q is taken", raw)
		}
	}
	for _, raw := range []string{"anna.keller", "operator.jane", "lab.meyer", "olga", "omar", "sven", "petra", "quinn", "elena", "ada", "yves", "иван", "nina.moss", "paul.teamer"} {
		if _, err := ParseName(raw); err != nil {
			t.Errorf("%q: %v", raw, err)
		}
	}
}
