package identity

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"

	"veribatch/internal/fault"
)

// cheap makes tests fast; one hash takes about a millisecond.
var cheap = argon2id.Params{Memory: 1 << 10, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}

func hasher(t testing.TB, params argon2id.Params, atOnce int) *Hasher {
	t.Helper()
	h, err := NewHasher(params, atOnce)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestCheckPassword(t *testing.T) {
	for _, good := range []string{
		"maple river 42 tin", "Sieben blaue Kühe", "трижды серый волк", "x9#Lq!v0Tz&w", "granulation is fun at night", "correct battery mule staple",
		strings.Repeat("abcdefgh ijk", 10),
	} {
		if err := CheckPassword(12, good, "anna.keller", "Anna Keller"); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for bad, says := range map[string]string{
		"":                                   "Type a password",
		"maple river":                        "11 characters",
		"ключ ключик":                        "11 characters",
		strings.Repeat("maple river ", 11):   "longer than 128",
		strings.Repeat("x", 1<<20):           "longer than 128",
		"aaaaaaaaaaaaaaa":                    "repeats",
		"abababababababab":                   "repeats",
		"qwertyuiop12":                       "neighbouring",
		"abcdefghijklmnop":                   "neighbouring",
		"098765432109876":                    "neighbouring",
		"asdfghjklqwer":                      "neighbouring",
		"1qaz2wsx3edc":                       "neighbouring",
		"my keller is deep":                  "name of the person",
		"Anna.Keller's one":                  "name of the person",
		"Password1234!":                      "everybody",
		"P@ssw0rd2026!":                      "everybody",
		"passwordpassword":                   "everybody",
		"2026-Summer-2026":                   "everybody",
		"Correct Horse Battery Staple":       "everybody",
		"veribatch!veribatch!":               "everybody",
		"Welcome to 1234":                    "everybody",
		"maple\x00river 42 tin":              "cannot be typed",
		"maple\nriver 42 tin":                "cannot be typed",
		"maple \u200briver 42 tin":           "cannot be typed",
		string([]byte{0xff}) + "maple river": "cannot be typed",
	} {
		f := fault.As(CheckPassword(12, bad, "anna.keller", "Anna Keller"))
		if f == nil || f.Kind != fault.Invalid || f.Field != "password" || !strings.Contains(f.Message, says) {
			t.Errorf("%.40q: got %v, want a fault with %q", bad, f, says)
		} else if len(bad) > 3 && strings.Contains(f.Message, bad) {
			t.Errorf("the message repeats the password: %s", f.Message)
		}
	}
}

func TestHashAndVerify(t *testing.T) {
	ctx := context.Background()
	h := hasher(t, cheap, 2)
	hash, err := h.Hash(ctx, "Sieben blaue Ku\u0308he") // decomposed, as some keyboards send it
	if err != nil || !strings.HasPrefix(hash, "$argon2id$v=19$m=1024,t=1,p=1$") {
		t.Fatalf("%s, %v", hash, err)
	}
	again, err := h.Hash(ctx, "Sieben blaue Kühe")
	if err != nil || again == hash {
		t.Fatal("two hashes of one password are equal: no salt")
	}
	for _, c := range []struct {
		password, hash string
		want           bool
	}{
		{"Sieben blaue Kühe", hash, true}, {"Sieben\u00a0blaue Kühe", hash, true}, {"sieben blaue Kühe", hash, false}, {"", hash, false},
		{"Sieben blaue Kühe ", hash, false}, {"Sieben blaue Kühe", "", false}, {"", "", false}, {"a\x00b", hash, false}, {strings.Repeat("x", 1<<20), hash, false},
	} {
		if got, err := h.Verify(ctx, c.password, c.hash); got != c.want || err != nil {
			t.Errorf("%.30q against %.12q: %v, %v", c.password, c.hash, got, err)
		}
	}
}

// A hash column that somebody else wrote must neither stop the server nor eat its memory.
func TestVerifyRefusesUnreadableHashes(t *testing.T) {
	h := hasher(t, cheap, 1)
	tail := "$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	for _, hash := range []string{"x", "$argon2id$v=19$m=1024,t=0,p=1" + tail, "$argon2id$v=19$m=1024,t=1,p=0" + tail, "$argon2id$v=19$m=4194304,t=1,p=1" + tail,
		"$argon2id$v=19$m=1024,t=4000000000,p=1" + tail, "$argon2i$v=19$m=1024,t=1,p=1" + tail, "$argon2id$v=16$m=1024,t=1,p=1" + tail,
		"$argon2id$v=19$m=1024,t=1,p=1$AAAA$AAAA"} {
		if ok, err := h.Verify(context.Background(), "maple river 42 tin", hash); ok || err == nil {
			t.Errorf("%s: %v, %v", hash, ok, err)
		}
	}
}

func TestPinnedParameters(t *testing.T) {
	h := hasher(t, Pinned, 1)
	hash, err := h.Hash(context.Background(), "maple river 42 tin")
	if err != nil || !strings.HasPrefix(hash, "$argon2id$v=19$m=65536,t=3,p=2$") {
		t.Fatalf("%s, %v", hash, err)
	}
}

// Never more hashes at once than slots, and a caller who gives up is told that the system is busy.
func TestHasherIsBounded(t *testing.T) {
	h := hasher(t, cheap, 2)
	var now, most atomic.Int32
	var wait sync.WaitGroup
	for range 32 {
		wait.Go(func() {
			release, err := h.slot(context.Background())
			if err != nil {
				t.Error(err)
				return
			}
			defer release()
			for here, seen := now.Add(1), most.Load(); here > seen && !most.CompareAndSwap(seen, here); seen = most.Load() {
			}
			time.Sleep(time.Millisecond)
			now.Add(-1)
		})
	}
	wait.Wait()
	if most.Load() != 2 {
		t.Errorf("%d at once, 2 slots", most.Load())
	}

	for range 2 {
		if _, err := h.slot(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if _, err := h.Verify(ctx, "maple river 42 tin", ""); fault.KindOf(err) != fault.Busy {
		t.Errorf("all slots taken: %v", err)
	}
	if _, err := h.Hash(ctx, "maple river 42 tin"); fault.KindOf(err) != fault.Busy {
		t.Errorf("all slots taken: %v", err)
	}
}

// An unknown name costs what a known one costs (fault F87): the fastest of many runs, taken in turns, differ by less than five times. A
// verification that skips the hash would be a hundred times faster.
func TestUnknownUserCostsTheSame(t *testing.T) {
	params := cheap
	params.Memory = 8 << 10
	h := hasher(t, params, 1)
	hash, err := h.Hash(context.Background(), "maple river 42 tin")
	if err != nil {
		t.Fatal(err)
	}
	fastest := map[string]time.Duration{hash: time.Hour, "": time.Hour}
	for range 40 {
		for against := range fastest {
			start := time.Now()
			if ok, err := h.Verify(context.Background(), "wrong river 42 tin", against); ok || err != nil {
				t.Fatal(ok, err)
			}
			fastest[against] = min(fastest[against], time.Since(start))
		}
	}
	if known, unknown := fastest[hash], fastest[""]; unknown < known/5 || known < unknown/5 {
		t.Errorf("known %v, unknown %v", known, unknown)
	}
}
