package web_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/signatures/access"
	"veribatch/signatures/identity"
	"veribatch/web"
)

// long runs what takes minutes in full length.
var long = os.Getenv("VERIBATCH_LONG") != ""

// heap is what the program holds in memory now, in MiB.
func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc >> 20)
}

// zeros is a body of any length that costs nothing to make.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a'
	}
	return len(p), nil
}

// Bodies that no form of ours makes are refused in the words of a fault, at once, and cost no memory, also when many come together.
func TestHostileBodies(t *testing.T) {
	p := newPlant(t, time.Minute)
	v := p.visitorAt("Granulation 2", p.person("olga.berg", access.Operator))
	all := hostileBodies(t)
	grown := peak(t)
	for name, b := range all {
		promptly(t, name, func() (int, string) { return b.throw(v.client, p.server.URL) })
	}
	var together sync.WaitGroup
	for range 2 {
		for name, b := range all {
			together.Go(func() {
				if status, text := b.throw(v.client, p.server.URL); status != 0 && (status < 400 || status >= 500) {
					t.Errorf("%s: %d %s", name, status, text)
				}
			})
		}
	}
	together.Wait()
	t.Logf("the heap grew by %d MiB at most", grown())
	require.Less(t, grown(), 64)
	require.NotContains(t, p.log.text(), "incident", "no failure of ours")
}

// hostileBody is a request that no browser and no program of ours makes; its body is made anew for each try.
type hostileBody struct {
	path, kind, coding string
	body               func() io.Reader
}

// throw sends it; status 0 says that the server hung up while it was being flooded.
func (b hostileBody) throw(client *http.Client, base string) (status int, text string) {
	request, err := http.NewRequest(http.MethodPost, base+b.path, b.body())
	if err != nil {
		return 600, err.Error()
	}
	request.Header.Set("Content-Type", b.kind)
	request.Header.Set("Content-Encoding", b.coding)
	answer, err := client.Do(request)
	if err != nil {
		if hungUp.MatchString(err.Error()) {
			return 0, ""
		}
		return 600, err.Error()
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		return 600, err.Error()
	}
	return answer.StatusCode, string(raw)
}

var hungUp = regexp.MustCompile("reset|broken pipe|closed")

func hostileBodies(t *testing.T) map[string]hostileBody {
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, err := io.CopyN(z, zeros{}, 64<<20)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	text := func(s string) func() io.Reader { return func() io.Reader { return strings.NewReader(s) } }
	flood := func(s string) func() io.Reader {
		return func() io.Reader { return io.MultiReader(strings.NewReader(s), io.LimitReader(zeros{}, 64<<20)) }
	}
	const form, upload, session = "application/x-www-form-urlencoded", "multipart/form-data; boundary=b", "/api/v1/session/open"
	return map[string]hostileBody{
		"gzip bomb":                 {"/orders", form, "gzip", text(bomb.String())},
		"gzip bomb for the API":     {session, "application/json", "gzip", text(bomb.String())},
		"unknown coding":            {"/orders", form, "br", text("a=b")},
		"one field of 64 MiB":       {"/orders", form, "", flood("order=")},
		"a name of 64 MiB":          {"/login", form, "", flood("")},
		"recipe of 64 MiB":          {"/recipes", form, "", flood("text=")},
		"upload of 64 MiB":          {"/recipes", upload, "", flood("--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n")},
		"part headers without end":  {"/recipes", upload, "", flood("--b\r\nX: ")},
		"100,000 parts":             {"/recipes", upload, "", text(strings.Repeat("--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\r\n", 100_000))},
		"no boundary":               {"/recipes", "multipart/form-data", "", text("--b--")},
		"JSON to a form":            {"/orders", "application/json", "", text(`{"order":"x"}`)},
		"text":                      {"/orders", "text/plain", "", text("order=x")},
		"no type":                   {"/orders", "", "", text("order=x")},
		"a type that is none":       {"/orders", ";;", "", text("order=x")},
		"upload where none belongs": {"/orders", upload, "", text("--b--")},
		"form to the API":           {session, form, "", text("user_name=x")},
		"broken escapes":            {"/orders", form, "", text("a=%zz&b=%")},
		"100,000 fields":            {"/login", form, "", text(strings.Repeat("a=1&", 100_000))},
		"the same field twice":      {"/login", form, "", text("user_name=a&user_name=b")},
		"JSON of 64 MiB":            {session, "application/json", "", flood(`{"user_name":"`)},
		"JSON of 100,000 levels":    {session, "application/json", "", text(strings.Repeat("[", 100_000))},
		"JSON of 100,000 fields":    {session, "application/json", "", text("{" + strings.Repeat(`"a":1,`, 100_000) + `"b":1}`)},
		"JSON of as many objects":   {session, "application/json", "", text(strings.Repeat(`{"user_name":`, 50_000))},
	}
}

// A body that ends before its end is refused and nothing of it is done; who goes away meanwhile causes no incident.
func TestTruncatedBodies(t *testing.T) {
	p := newPlant(t, time.Minute)
	entries := len(p.entries(t, "session.open"))
	send := func(text string, half bool) (int, string) {
		conn, err := net.Dial("tcp", strings.TrimPrefix(p.server.URL, "http://"))
		require.NoError(t, err)
		defer conn.Close()
		_, err = io.WriteString(conn, text)
		require.NoError(t, err)
		if !half {
			return 0, ""
		}
		require.NoError(t, conn.(*net.TCPConn).CloseWrite())
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(20*time.Second)))
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
		defer answer.Body.Close()
		return answer.StatusCode, answer.Status
	}
	head := "POST %s HTTP/1.1\r\nHost: plant\r\nContent-Type: %s\r\nContent-Length: 1000\r\n\r\n%s"
	for path, kind := range map[string]string{"/login": "application/x-www-form-urlencoded", "/api/v1/session/open": "application/json"} {
		text := fmt.Sprintf(head, path, kind, "user_name=olga")
		promptly(t, path, func() (int, string) { return send(text, true) })
		send(text, false)
	}
	for _, text := range []string{"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
		"POST /login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\nfffffffffffffffff\r\n", "GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n"} {
		promptly(t, text, func() (int, string) {
			status, words := send(text, true)
			if strings.Contains(text, "HTTP/9.9") {
				require.Equal(t, 505, status)
				return 400, "" // as the standard has it
			}
			return status, words
		})
	}
	p.server.Close() // waits for all requests
	require.NotContains(t, p.log.text(), "incident")
	require.Len(t, p.entries(t, "session.open"), entries)
}

// Addresses that try to leave their folder, or that name a record as none is named, find nothing.
func TestHostileAddresses(t *testing.T) {
	p := newPlant(t, time.Minute)
	olga := p.person("olga.berg", access.Operator)
	v := p.visitorAt("Granulation 2", olga)
	for _, path := range []string{
		"/static/../server.go", "/static/%2e%2e/server.go", "/static/..%2fserver.go", "/static/%2e%2e%2fserver.go", "/static/..%5cserver.go", "/static/%5c..%5c..%5cserver.go",
		"/static/dist/../../server.go", "/static/dist/%2e%2e%2f%2e%2e%2fserver.go", "/static/dist/%252e%252e%252fserver.go", "/static/%00", "/static/icon.svg%00.go", "/static/", "/static/dist/",
		"/static//etc/passwd", "/static/%2fetc%2fpasswd", "/batches/..%2f..%2frecipes", "/batches/%2e%2e", "/batches/%00", "/batches/%5c", "/batches/%ff", "/batches/%0d%0aSet-Cookie:%20a=b",
		"/batches/{" + audit.NewID() + "}", "/batches/urn:uuid:" + audit.NewID(), "/batches/" + strings.ToUpper(audit.NewID()), "/batches/" + audit.NewID() + "%00", "/recipes/%2e%2e%2f",
		"/recipes/%00", "/recipes/" + strings.Repeat("a", 10_000), "/batches/" + audit.NewID() + "/steps/%00", "/batches/" + audit.NewID() + "/steps/..%2f..", "/..%2f..%2fetc/passwd", "/%2e%2e/%2e%2e/etc/passwd",
		"/incidents/%00", "/people/%00", "/api/v1/batches/%00", "/api/v1/%2e%2e/%2e%2e/",
	} {
		address, err := url.Parse(p.server.URL)
		require.NoError(t, err)
		promptly(t, path, func() (int, string) {
			request := &http.Request{Method: http.MethodGet, URL: &url.URL{Scheme: "http", Host: address.Host, Opaque: "//" + address.Host + path}, Header: http.Header{}}
			for _, cookie := range v.client.Jar.Cookies(address) {
				request.AddCookie(cookie)
			}
			answer, err := http.DefaultTransport.RoundTrip(request)
			require.NoError(t, err, path)
			raw, err := io.ReadAll(answer.Body)
			require.NoError(t, err)
			require.NoError(t, answer.Body.Close())
			require.NotContains(t, string(raw), "package web", path)
			require.NotContains(t, string(raw), "root:", path)
			require.Empty(t, answer.Header["Set-Cookie"], path)
			return answer.StatusCode, path
		})
	}
	require.NotContains(t, p.log.text(), "incident", "no failure of ours")
}

// The server's clock makes request keys and nothing that counts for a record: an hour off, forms are taken, once; a key of another day is refused
// in words and nothing is lost.
func TestTheServersClockMayJump(t *testing.T) {
	p := newPlant(t, time.Minute)
	register := func(off time.Duration) (again bool, err error) {
		key := uuid.Must(uuid.NewV7())
		ms := time.Now().Add(off).UnixMilli()
		for i := range 6 {
			key[i] = byte(ms >> (8 * (5 - i)))
		}
		c := identity.NewStation{ID: audit.NewID(), Name: "Station " + off.String()}
		in := audit.Intent{Session: p.Admin.Token, Act: "station.register", Home: identity.StationStream(c.ID), Key: key.String(), Command: c}
		do := func(tx *audit.Tx) error { return identity.RegisterStation(p.Ctx, tx, c) }
		if _, err := p.Trail.Change(p.Ctx, in, do); err != nil {
			return false, err
		}
		receipt, err := p.Trail.Change(p.Ctx, in, do)
		return receipt.Replayed, err
	}
	for _, off := range []time.Duration{-time.Hour, 0, time.Hour, 23 * time.Hour, -29 * 24 * time.Hour} {
		again, err := register(off)
		require.NoError(t, err, off)
		require.True(t, again, "%v: a repeat is answered and not done", off)
	}
	for _, off := range []time.Duration{25 * time.Hour, -31 * 24 * time.Hour} {
		_, err := register(off)
		require.Equal(t, fault.Invalid, fault.KindOf(err), off)
		require.ErrorContains(t, err, "Open the page again", off)
	}
}

const findByToken = `explain (format text) select id from ebr.sessions where token_digest = sha256('x')`

// Thousands of sessions cost the server no memory and no search: they stand in the database, found by their token.
func TestThousandsOfSessions(t *testing.T) {
	n := 100
	if long {
		n = 10_000
	}
	p := newPlant(t, time.Minute)
	olga := p.person("olga.berg", access.Operator)
	site := p.site(func(*web.Config) {})
	station := arrival{peer: "192.168.7.9"}.send(site, url.Values{"user_name": {olga.UserName}, "password": {olga.Password}, "station": {"Weighing"}})
	require.Equal(t, 303, station.Code)
	cookies := station.Result().Cookies()
	before := heap()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range n / 8 {
				request := httptest.NewRequest(http.MethodPost, "/login", strings.NewReader(url.Values{"user_name": {olga.UserName}, "password": {olga.Password}}.Encode()))
				request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				for _, cookie := range cookies {
					if cookie.Name == "station" {
						request.AddCookie(cookie)
					}
				}
				w := httptest.NewRecorder()
				site.ServeHTTP(w, request)
				if w.Code != 303 {
					t.Errorf("log-in refused: %d", w.Code)
				}
			}
		})
	}
	all.Wait()
	after := heap()
	t.Logf("%d sessions: heap %d MiB before, %d after", n, before, after)
	require.Less(t, after, before+32)
	_, err := p.Gate.Find(p.Ctx, olga.Token)
	require.NoError(t, err)
	promptly(t, "a token that is none of them", func() (int, string) {
		request := httptest.NewRequest(http.MethodGet, "/api/v1/batches", nil)
		request.Header.Set("Authorization", "Bearer "+strings.Repeat("x", 43))
		w := httptest.NewRecorder()
		site.ServeHTTP(w, request)
		require.Equal(t, 401, w.Code, w.Body.String())
		return w.Code, w.Body.String()
	})
	conn := p.DB.Super(t)
	_, err = conn.Exec(context.Background(), "set enable_seqscan = off")
	require.NoError(t, err)
	var plan string
	require.NoError(t, conn.QueryRow(context.Background(), findByToken).Scan(&plan))
	require.Contains(t, plan, "sessions_token_digest_key")
}
