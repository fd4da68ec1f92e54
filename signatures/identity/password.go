package identity

import (
	"context"
	_ "embed"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"
	"golang.org/x/text/secure/precis"

	"veribatch/internal/fault"
)

// MaxPassword is the longest password, in characters; the shortest is configured. There is no rule about digits and signs (NIST SP 800-63B 5.1.1.2).
const MaxPassword = 128

// Pinned are the argon2id parameters of stored passwords: RFC 9106 section 4, second recommended option (64 MiB, 3 passes), with 2 lanes in
// place of 4 because the smallest machine has two cores. They stand in each hash, so a later release can raise them.
var Pinned = argon2id.Params{Memory: 64 << 10, Iterations: 3, Parallelism: 2, SaltLength: 16, KeyLength: 32}

// Hasher makes and verifies password hashes, a few at a time: each one takes its memory (64 MiB) and the time of a core.
type Hasher struct {
	params argon2id.Params
	slots  chan struct{}
	decoy  string // verified in place of a hash that does not exist
}

// NewHasher makes a hasher that works on so many passwords at once. The parameters are Pinned; tests give cheaper ones.
func NewHasher(params argon2id.Params, atOnce int) (*Hasher, error) {
	decoy, err := argon2id.CreateHash(fmt.Sprintf("decoy %p", &params), &params)
	if err != nil {
		return nil, fmt.Errorf("hash a password: %w", err)
	}
	return &Hasher{params: params, slots: make(chan struct{}, max(1, atOnce)), decoy: decoy}, nil
}

// Hash gives the argon2id hash of a password that passed CheckPassword, in the PHC string format.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	prepared, err := prepare(password)
	if err != nil {
		return "", err
	}
	release, err := h.slot(ctx)
	if err != nil {
		return "", err
	}
	defer release()
	return argon2id.CreateHash(prepared, &h.params)
}

// Verify says whether the password belongs to the hash. An empty hash (unknown user, no password yet) costs the same time and is wrong, so
// that the answer does not tell which names exist.
func (h *Hasher) Verify(ctx context.Context, password, hash string) (bool, error) {
	prepared, unfit := prepare(password)
	against := hash
	if against == "" || unfit != nil {
		against = h.decoy
	}
	if !h.fit(against) {
		return false, fmt.Errorf("a stored password hash is not readable")
	}
	release, err := h.slot(ctx)
	if err != nil {
		return false, err
	}
	defer release()
	right, err := argon2id.ComparePasswordAndHash(prepared, against)
	return right && hash != "" && unfit == nil, err
}

// fit refuses hashes whose parameters would make argon2 panic or eat the machine: the column could have been written by somebody else.
func (h *Hasher) fit(hash string) bool {
	p, salt, key, err := argon2id.DecodeHash(hash)
	return err == nil && p.Iterations >= 1 && p.Iterations <= 16 && p.Parallelism >= 1 && p.Parallelism <= 16 && p.Memory <= 256<<10 &&
		len(salt) >= 16 && len(key) >= 32 && len(key) <= 64
}

func (h *Hasher) slot(ctx context.Context) (release func(), err error) {
	select {
	case h.slots <- struct{}{}:
		return func() { <-h.slots }, nil
	case <-ctx.Done():
		return nil, fault.New(fault.Busy, "Too many people are logging in or signing at this moment. Try again.").Because(ctx.Err())
	}
}

// prepare brings a password into the form of RFC 8265 (OpaqueString: NFC, all spaces alike, no control characters), so that the same keys
// give the same password on every terminal.
func prepare(password string) (string, error) {
	if len(password) > utf8.UTFMax*MaxPassword {
		return "", fault.At("password", "The password is longer than %d characters.", MaxPassword)
	}
	prepared, err := precis.OpaqueString.String(password)
	if err != nil || !utf8.ValidString(password) {
		return "", fault.At("password", "The password holds a character that cannot be typed on every terminal. Choose another one.").Because(err)
	}
	return prepared, nil
}

// CheckPassword applies the rules for a new password: at least so many characters, not the names of the person, not a common password, not a pattern. The
// error stands at the field "password" and never repeats what was typed.
func CheckPassword(least int, password, userName, fullName string) error {
	if password == "" {
		return fault.At("password", "Type a password of at least %d characters. Several words are easy to remember.", least)
	}
	prepared, err := prepare(password)
	if err != nil {
		return err
	}
	letters := strings.ToLower(prepared)
	switch n := utf8.RuneCountInString(prepared); {
	case n < least:
		return fault.At("password", "The password has %d characters; it needs at least %d. Several words are easy to remember.", n, least)
	case n > MaxPassword:
		return fault.At("password", "The password is longer than %d characters.", MaxPassword)
	case distinct(letters) < 6:
		return fault.At("password", "The password repeats a few characters. Use at least 6 different ones.")
	case isRun(letters):
		return fault.At("password", "The password is a row of neighbouring characters. Choose something that nobody would try.")
	case namesPerson(letters, userName, fullName):
		return fault.At("password", "The password holds the name of the person. Choose one without it.")
	case isCommon(letters):
		return fault.At("password", "This is one of the passwords that everybody tries first. Choose another one.")
	}
	return nil
}

func distinct(s string) int {
	seen := map[rune]bool{}
	for _, r := range s {
		seen[r] = true
	}
	return len(seen)
}

// rows are the keys in the order of keyboards and the alphabet; a password that only walks along them is a pattern.
const rows = "abcdefghijklmnopqrstuvwxyz 01234567890 qwertyuiop asdfghjkl zxcvbnm qwertzuiopü yxcvbnm azertyuiop qsdfghjklm 1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p"

func isRun(s string) bool {
	runes := []rune(s)
	jumps := 0
	for i := 1; i < len(runes); i++ {
		pair := string(runes[i-1 : i+1])
		back := string([]rune{runes[i], runes[i-1]})
		if runes[i] != runes[i-1] && !strings.Contains(rows, pair) && !strings.Contains(rows, back) {
			jumps++
		}
	}
	return jumps < 3
}

// namesPerson finds the user name or a part of the full name (of four letters or more) in the password.
func namesPerson(password, userName, fullName string) bool {
	for _, name := range append(strings.Fields(strings.ToLower(fullName)), strings.ToLower(userName)) {
		if utf8.RuneCountInString(name) >= 4 && strings.Contains(password, name) {
			return true
		}
	}
	return false
}

//go:embed common.txt
var commonText string

var common = func() map[string]bool {
	words := map[string]bool{}
	for line := range strings.Lines(commonText) {
		if word := strings.TrimSpace(line); word != "" && !strings.HasPrefix(word, "#") {
			words[word] = true
		}
	}
	return words
}()

var unleet = strings.NewReplacer("0", "o", "1", "i", "3", "e", "4", "a", "5", "s", "7", "t", "@", "a", "$", "s", "!", "i")

// isCommon compares with the list as typed, without digits and signs around it, with figures read as letters, and as a word said twice.
func isCommon(password string) bool {
	core := strings.TrimFunc(password, func(r rune) bool { return !unicode.IsLetter(r) })
	for _, form := range []string{password, core, unleet.Replace(core), lettersOnly(password), lettersOnly(unleet.Replace(password))} {
		half := form[:len(form)/2]
		third := form[:len(form)/3]
		if common[form] || half+half == form && common[half] || third+third+third == form && common[third] {
			return true
		}
	}
	return false
}

func lettersOnly(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) {
			return r
		}
		return -1
	}, s)
}
