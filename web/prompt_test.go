package web_test

import (
	"encoding/json"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/signatures/access"
	"veribatch/signatures/accounts"
	"veribatch/signatures/identity"
	"veribatch/signatures/signtest"
)

// promptness is the time in which hostile requests were promised an answer.
const promptness = time.Second

// promptly asks that every try is refused and that the fastest of up to five keeps the promise: a machine that is busy with other things gets its
// chances, a server that is slow by itself gets none. Status 0 says that the server hung up while it was being flooded:
// that is no try, but twenty of them are no answer.
func promptly(t testing.TB, what string, try func() (status int, text string)) {
	t.Helper()
	fastest := time.Hour
	for n, hung := 0, 0; n < 5 && fastest > promptness && hung < 20; n++ {
		began := time.Now()
		status, text := try()
		if status == 0 {
			n, hung = n-1, hung+1
			continue
		}
		fastest = min(fastest, time.Since(began))
		require.GreaterOrEqual(t, status, 400, "%s: %s", what, text)
		require.Less(t, status, 500, "%s: %s", what, text)
	}
	require.LessOrEqual(t, fastest, promptness, what)
}

// peak watches the heap until the test asks how far it grew beyond what it was, in MiB. Garbage is collected early meanwhile: what is held counts.
func peak(t testing.TB) (grown func() int) {
	percent := debug.SetGCPercent(10)
	t.Cleanup(func() { debug.SetGCPercent(percent) })
	held := func() uint64 {
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	before := heap()
	var most atomic.Uint64
	done := make(chan struct{})
	t.Cleanup(func() { close(done) })
	go func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(time.Millisecond):
				most.Store(max(most.Load(), held()))
			}
		}
	}()
	return func() int { return int(max(most.Load(), held())>>20) - before }
}

// The judge lets no refusal pass that is slow by itself, none that is a success, and none that never comes.
func TestPromptnessIsJudged(t *testing.T) {
	t.Parallel()
	judged := func(status func(n int) int, wait func(n int) time.Duration) (passed bool, tries int) {
		judge := &verdict{TB: t}
		done := make(chan struct{})
		go func() {
			defer close(done)
			promptly(judge, "x", func() (int, string) { tries++; time.Sleep(wait(tries)); return status(tries), "" })
		}()
		<-done
		return !judge.failed, tries
	}
	always := func(status int) func(int) int { return func(int) int { return status } }
	slowUntil := func(n int) func(int) time.Duration {
		return func(try int) time.Duration {
			if try < n {
				return promptness + 20*time.Millisecond
			}
			return 0
		}
	}
	for _, c := range []struct {
		status func(int) int
		slow   int // tries before the first quick one
		passes bool
		tries  int
	}{
		{always(400), 1, true, 1}, {always(429), 3, true, 3}, {always(400), 9, false, 5}, {always(200), 1, false, 1}, {always(500), 1, false, 1}, {always(0), 1, false, 20},
	} {
		passed, tries := judged(c.status, slowUntil(c.slow))
		require.Equal(t, c.passes, passed, c)
		require.Equal(t, c.tries, tries, c)
	}
}

// verdict notes a failure instead of failing.
type verdict struct {
	testing.TB
	failed bool
}

func (v *verdict) Errorf(string, ...any) { v.failed = true }
func (v *verdict) FailNow()              { v.failed = true; runtime.Goexit() }

const expireToken = `set session_replication_role = replica; alter table ebr.tokens disable trigger user;
	update ebr.tokens set issued_at = issued_at - interval '31 days', expires_at = expires_at - interval '31 days' where id = 'TOKEN';
	update ebr.sessions set expires_at = clock_timestamp() - interval '1 second' where id = 'TOKEN'`

// Tokens that are expired, revoked, waiting or nobody's, and sessions that are over, are refused at once, in reading and in writing.
func TestTokensThatOpenNothing(t *testing.T) {
	s := newScript(t)
	s.prepareBatch("running")
	machine := func(name string) (made identity.TokenMade, secret string) {
		c := identity.CreateToken{UserName: name + ".m2", FullName: "A " + name, Purpose: "values", Acts: access.ActsOf(access.Machine), Days: 9}
		c.Mint()
		require.NoError(t, json.Unmarshal(s.Do(s.Admin, c).Result, &made))
		s.MustSign(s.Checker, accounts.ApproveToken{Account: made.Account, Token: made.Token})
		return made, c.Secret
	}
	_, good := machine("good")
	require.Equal(t, 200, s.client(signtest.Person{Token: good}).get(s.batch).status)
	old, expired := machine("expired")
	_, err := s.DB.Super(t).Exec(s.Ctx, strings.ReplaceAll(expireToken, "TOKEN", old.Token))
	require.NoError(t, err)
	lost, revoked := machine("revoked")
	s.Do(s.Admin, identity.RevokeToken{Account: lost.Account, Token: lost.Token, Reason: "lost"})
	gone := s.Person("gone.berg", access.Operator)
	require.NoError(t, s.Gate.LogOut(s.Ctx, gone.Token))
	for name, token := range map[string]string{
		"expired": expired, "revoked": revoked, "a session that is over": gone.Token, "nobody's": strings.Replace(good, good[8:12], "AAAA", 1), "cut": good[:20], "of 10,000 letters": good + strings.Repeat("x", 10_000),
	} {
		c := s.client(signtest.Person{Token: token})
		for what, try := range map[string]func() answer{
			"reads":  func() answer { return c.get(s.batch) },
			"writes": func() answer { return c.post(s.batch+"/comment", `{"comment":"late"}`) },
		} {
			promptly(t, name+" "+what, func() (int, string) {
				a := try()
				require.Equal(t, 401, a.status, "%s %s: %s", name, what, a.raw)
				return a.status, a.raw
			})
		}
	}
	for _, e := range s.plant.entries(t, "step.comment") {
		require.True(t, e.Refused)
	}
}
