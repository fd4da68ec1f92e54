package remote

import (
	"context"
	"crypto/ed25519"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"veribatch/audit/checkpoint"
)

const name = "veribatch/0190a5b2-7c3d-7e4f-8a1b-2c3d4e5f6071"

type key struct{ ed25519.PrivateKey }

func (key) ID() string                               { return "test" }
func (k key) Public() ed25519.PublicKey              { return k.PrivateKey.Public().(ed25519.PublicKey) }
func (k key) SignRaw(message []byte) ([]byte, error) { return ed25519.Sign(k.PrivateKey, message), nil }

func newSigner(t *testing.T) (*checkpoint.Signer, key) {
	k := key{ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))}
	s, err := checkpoint.Open(filepath.Join(t.TempDir(), "signer"), func(string) (checkpoint.Key, error) { return k, nil }, time.Now)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s, k
}

func oneLeaf(text string, at time.Time) checkpoint.Request {
	return checkpoint.Request{Text: checkpoint.Checkpoint{Origin: name + "/1", Size: 1, Root: tlog.RecordHash([]byte(text))}.Text(), Time: at}
}

func serve(t *testing.T, network, address string, h http.Handler) string {
	l, err := net.Listen(network, address)
	require.NoError(t, err)
	server := &http.Server{Handler: h, ReadHeaderTimeout: time.Second}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return l.Addr().String()
}

func TestSignerInAnotherProcess(t *testing.T) {
	for _, network := range []string{"unix", "tcp"} {
		t.Run(network, func(t *testing.T) {
			address := map[string]string{"unix": filepath.Join(t.TempDir(), "s"), "tcp": "127.0.0.1:0"}[network]
			s, k := newSigner(t)
			c := Dial(serve(t, network, address, Handler(s, "secret")), "secret")
			now := time.Now()
			signed, err := c.Sign(t.Context(), oneLeaf("a", now))
			require.NoError(t, err)
			verifiers, err := checkpoint.Verifiers(name, k.Public())
			require.NoError(t, err)
			read, err := checkpoint.Parse(signed, note.VerifierList(verifiers...))
			require.NoError(t, err)

			r := oneLeaf("b", now.Add(time.Second))
			r.Old = 1
			_, err = c.Sign(t.Context(), r)
			_, here := s.Sign(t.Context(), r)
			var far, near *checkpoint.Refusal
			require.ErrorAs(t, err, &far)
			require.ErrorAs(t, here, &near)
			require.Equal(t, checkpoint.Forked, far.Code)
			require.Equal(t, near.Error(), far.Error())
			require.Equal(t, read.Text(), far.Last.Text())
			require.Equal(t, string(signed), string(far.Note))
		})
	}
}

func TestSignerTurnsAway(t *testing.T) {
	s, _ := newSigner(t)
	address := serve(t, "tcp", "127.0.0.1:0", Handler(s, "secret"))
	for _, token := range []string{"", "secre", "secrets", "Secret"} {
		_, err := Dial(address, token).Sign(t.Context(), oneLeaf("a", time.Now()))
		require.ErrorContains(t, err, "401", token)
	}
	for _, body := range []string{"", "{}x", "[]", `{"old":0,"new":1}`, `{"old":"1"}`, `{"proof":["AAAA"]}`, `{"text":"` + strings.Repeat("a", most) + `"}`} {
		w := httptest.NewRecorder()
		Handler(s, "").ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/sign", strings.NewReader(body)))
		require.Equal(t, http.StatusBadRequest, w.Code, "%.40s", body)
	}
	last, err := s.Last()
	require.NoError(t, err)
	require.Empty(t, last, "nothing was signed")
}

// Whatever stands at the other end, the client ends with an error that says so.
func TestSignerThatIsNone(t *testing.T) {
	for answer, status := range map[string]int{"{}": 409, "x": 409, "gone": 502, strings.Repeat("a", most+1): 200, "moved": 302} {
		address := serve(t, "tcp", "127.0.0.1:0", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/sign")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(answer))
		}))
		_, err := Dial(address, "").Sign(t.Context(), oneLeaf("a", time.Now()))
		require.Error(t, err, "%.20s", answer)
		var no *checkpoint.Refusal
		require.NotErrorAs(t, err, &no)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Dial(filepath.Join(t.TempDir(), "nobody"), "").Sign(ctx, oneLeaf("a", time.Now()))
	require.Error(t, err)
}
