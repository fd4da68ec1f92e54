package crash

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
)

// sent is one act under its request key, and what was heard of it.
type sent struct {
	key, path, session string
	body               map[string]string
	marked             string // the text by which its effect is found
	heard              bool   // it was acknowledged
	denied             bool   // it was told that nothing was saved
	answer             string
}

// load is what people do meanwhile: one orders batches, one comments on a batch that runs.
type load struct {
	*plant
	client     *http.Client
	olga, sven string // sessions
	batch      string
	version    string
	count      int
	heard      atomic.Int64 // answers
}

const (
	someBatch   = `select id::text from ebr.batches where state = 'running' order by id limit 1`
	someVersion = `select recipe_version from ebr.batches where state = 'running' order by id limit 1`
	effects     = `select (select count(*) from ebr.batch_history where reason = $1 or raw = $1) + (select count(*) from ebr.batches where order_number = $1)`
)

func newLoad(p *plant) *load {
	l := &load{plant: p, client: &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}}
	l.olga, l.sven = l.session("olga", "silver birch 41"), l.session("sven", "harbour lamp 23")
	p.ask(&l.batch, someBatch)
	p.ask(&l.version, someVersion)
	return l
}

func (l *load) session(user, password string) string {
	l.t.Helper()
	return l.sessionAt("Station of "+user, user, password)
}

// sessionAt logs somebody in at a new station.
func (l *load) sessionAt(station, user, password string) string {
	l.t.Helper()
	status, answer, err := l.post(sent{key: audit.NewID(), path: "/session/open", body: map[string]string{"user_name": user, "password": password, "station": station}})
	require.NoError(l.t, err)
	require.Equal(l.t, http.StatusOK, status, answer)
	var opened struct{ Token string }
	require.NoError(l.t, json.Unmarshal([]byte(answer), &opened))
	return opened.Token
}

func (l *load) post(s sent) (status int, answer string, err error) {
	raw, err := json.Marshal(s.body)
	if err != nil {
		return 0, "", err
	}
	request, err := http.NewRequest(http.MethodPost, l.url+"/api/v1"+s.path, bytes.NewReader(raw))
	if err != nil {
		return 0, "", err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", s.key)
	if s.session != "" {
		request.Header.Set("Authorization", "Bearer "+s.session)
	}
	response, err := l.client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	return response.StatusCode, string(content), err
}

// acts makes the next acts: two of three are comments on one batch, whose chain they share.
func (l *load) acts(n int) (list []*sent) {
	for range n {
		l.count++
		s := &sent{key: audit.NewID(), marked: fmt.Sprintf("crash %s %d", l.version[:4], l.count)}
		if l.count%3 == 0 {
			s.path, s.session, s.body = "/orders", l.sven, map[string]string{"order_number": s.marked, "recipe_version": l.version}
		} else {
			s.path, s.session, s.body = "/batches/"+l.batch+"/comment", l.olga, map[string]string{"comment": s.marked}
		}
		list = append(list, s)
	}
	return list
}

// run sends acts by several hands until all are sent or the server is down, and gives those that were sent.
func (l *load) run(hands, each int) (all []*sent) {
	var wait sync.WaitGroup
	var mu sync.Mutex
	for range hands {
		mine := l.acts(each)
		wait.Go(func() {
			for _, s := range mine {
				mu.Lock()
				all = append(all, s)
				mu.Unlock()
				l.send(s)
				if l.down() {
					return
				}
			}
		})
	}
	wait.Wait()
	return all
}

// send keeps what was heard. A refusal of any other kind than "busy" is no outcome that a crash may have.
func (l *load) send(s *sent) {
	status, answer, err := l.post(*s)
	switch {
	case err != nil:
	case status == http.StatusOK, status == http.StatusCreated:
		s.heard, s.answer = true, answer
		l.heard.Add(1)
	case status == http.StatusServiceUnavailable:
		s.denied = strings.Contains(answer, "Nothing was saved")
	default:
		l.t.Errorf("%s %s: %d %s", s.path, s.marked, status, answer)
	}
}

// outcome counts what a cycle left.
type outcome struct{ acts, heard, unknown, kept, dropped int }

// settle holds what was heard against what is there, then resolves every unknown outcome by its request key.
func (l *load) settle(all []*sent) (o outcome) {
	l.t.Helper()
	there := func(s *sent) (n int) { l.ask(&n, effects, s.marked); return n }
	for _, s := range all {
		o.acts++
		n := there(s)
		switch {
		case s.heard && n != 1:
			l.t.Errorf("acknowledged and %d times there: %s %s", n, s.path, s.marked)
		case s.denied && n != 0:
			l.t.Errorf("told that nothing was saved, and it was: %s %s", s.path, s.marked)
		case n > 1:
			l.t.Errorf("doubled: %s %s", s.path, s.marked)
		}
		if s.heard {
			o.heard++
			continue
		}
		o.unknown++
		o.kept += n
	}
	for _, s := range all {
		was := *s
		require.Eventually(l.t, func() bool { l.send(s); return s.heard || l.t.Failed() }, 3*time.Minute, 50*time.Millisecond, "%s is not answered", s.marked)
		if n := there(s); n != 1 {
			l.t.Errorf("resolved by its key and %d times there: %s %s", n, s.path, s.marked)
		}
		if was.heard && subject(l.t, was.answer) != subject(l.t, s.answer) {
			l.t.Errorf("the same key got another answer: %s, then %s", was.answer, s.answer)
		}
	}
	return o
}

// subject is what the act was about, and its result.
func subject(t *testing.T, answer string) string {
	var a struct {
		Subject string
		Result  json.RawMessage
	}
	if err := json.Unmarshal([]byte(answer), &a); err != nil {
		t.Errorf("%s: %v", answer, err)
	}
	return a.Subject + string(a.Result)
}
