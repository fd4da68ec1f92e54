package witness

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Over HTTP: the client begins where it believes the witness to be, and goes on from where the witness is.
func TestClientFollowsTheWitness(t *testing.T) {
	t.Parallel()
	w := setup(t)
	c := w.client(w.serve())
	l := w.log(8)
	got, err := c.Ask(t.Context(), l.signed(8), 5, l.prove)
	require.NoError(t, err, "409 says 0")
	require.Equal(t, w.now, got.At)
	l.grow(30, "leaf")
	_, err = c.Ask(t.Context(), l.signed(38), 0, l.prove)
	require.NoError(t, err, "409 says 8")
	_, err = c.Ask(t.Context(), l.signed(38), 38, l.prove)
	require.NoError(t, err)

	var no *Refusal
	_, err = c.Ask(t.Context(), l.signed(20), 20, l.prove)
	require.ErrorAs(t, err, &no)
	require.Equal(t, int64(38), no.Size, "the log was put back, or another server was faster")
	require.NotErrorIs(t, err, ErrFork)
	for _, n := range []int{38, 50} {
		fork := newLog(t, w.key, 1, n, "another")
		_, err = c.Ask(t.Context(), fork.signed(int64(n)), 0, fork.prove)
		require.ErrorIs(t, err, ErrFork, "%d", n)
	}
	next := newLog(t, w.key, 2, 3, "leaf")
	_, err = c.Ask(t.Context(), next.signed(3), 0, next.prove)
	require.ErrorAs(t, err, &no)
	require.Equal(t, noLog, no.Status)
	require.Contains(t, err.Error(), "--accept-epoch")

	response, err := http.Get(c.URL + "/")
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	said, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(said), w.witness.Key()+"\n\n"+testName+"/1\n38\n"), "%s", said)
}

// Of several witnesses some are down, slow or lie; the others cosign, and nobody waits longer than for one.
func TestSomeWitnessesAreDown(t *testing.T) {
	t.Parallel()
	a, b := setup(t), setup(t)
	b.key = a.key
	b.restart()
	l := a.log(8)
	down := httptest.NewServer(http.NotFoundHandler())
	down.Close()
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	t.Cleanup(slow.CloseClientConnections)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	ask := []*Client{a.client(a.serve()), a.client(down.URL), b.client(b.serve()), a.client(slow.URL), b.client(a.serve())}
	answers := All(ctx, ask, l.signed(8), make([]int64, len(ask)), l.prove)
	for i, good := range []bool{true, false, true, false, false} {
		require.Equal(t, good, answers[i].Err == nil, "%d: %v", i, answers[i].Err)
	}
	require.ErrorContains(t, answers[4].Err, "the answer of the witness", "the line of another key is none")
}

// Whatever a witness answers, the client gives a line that verifies or an error.
func TestHostileAnswers(t *testing.T) {
	t.Parallel()
	w := setup(t)
	l := w.log(8)
	line, err := w.witness.Add(l.question(0, 8).Text())
	require.NoError(t, err)
	for _, c := range []struct {
		status int
		body   string
		good   bool
	}{
		{200, line, true}, {200, "— other.example/w2 AAAAAAAAAAAA\n" + line, true}, {200, "", false}, {200, line[:len(line)-1], false}, {200, line + line, false}, {200, strings.Repeat("x", 1<<20), false},
		{200, strings.Replace(line, "w1", "w2", 1), false}, {200, "<html>", false}, {409, "", false}, {409, "-1\n", false}, {409, "x", false}, {409, "3\n", false}, {409, "8\n", false}, {409, "9223372036854775807\n", false},
		{302, "", false}, {403, "", false}, {404, "", false}, {422, "", false}, {500, "", false},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Location", "/")
			rw.WriteHeader(c.status)
			_, _ = io.WriteString(rw, c.body)
		}))
		_, err := w.client(server.URL).Ask(t.Context(), l.signed(8), 0, l.prove)
		server.Close()
		require.Equal(t, c.good, err == nil, "%d %.60q: %v", c.status, c.body, err)
		require.Equal(t, c.status == 422 || c.body == "8\n", errors.Is(err, ErrFork), "%d %q", c.status, c.body)
	}
}
