package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/ebr/quality"
	"veribatch/internal/certificate"
	"veribatch/internal/fault"
	"veribatch/signatures/configuration/versions"
)

// One client does not take all connections: beyond its share they are closed at once, and a place is free again when one ends. A proxy
// speaks for many.
func TestConnectionsOfOneClientAreBounded(t *testing.T) {
	t.Parallel()
	for _, proxied := range []bool{false, true} {
		raw, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		f := &fair{Listener: raw, most: 3, open: map[netip.Addr]int{}}
		if proxied {
			f.proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
		}
		t.Cleanup(func() { _ = f.Close() })
		accepted := make(chan net.Conn, 10)
		go func() {
			for {
				conn, err := f.Accept()
				if err != nil {
					return
				}
				accepted <- conn
			}
		}()
		dial := func() net.Conn {
			conn, err := net.Dial("tcp", raw.Addr().String())
			require.NoError(t, err)
			t.Cleanup(func() { _ = conn.Close() })
			return conn
		}
		var taken []net.Conn
		for range 3 {
			dial()
			taken = append(taken, <-accepted)
		}
		fourth := dial()
		if proxied {
			<-accepted
			continue
		}
		require.NoError(t, fourth.SetReadDeadline(time.Now().Add(20*time.Second)))
		_, err = fourth.Read(make([]byte, 1))
		require.Error(t, err)
		require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "closed, not left waiting")
		require.NoError(t, taken[0].Close())
		_ = taken[0].Close() // counts once
		dial()
		<-accepted
		require.Equal(t, 3, f.open[netip.MustParseAddr("127.0.0.1")])
	}
}

func TestProxiesAreNamedExactly(t *testing.T) {
	t.Parallel()
	list, err := networks([]string{"10.0.0.7", "10.1.2.3/16", "fd00::/64"})
	require.NoError(t, err)
	require.Equal(t, "[10.0.0.7/32 10.1.0.0/16 fd00::/64]", fmt.Sprint(list))
	for _, wrong := range []string{"0.0.0.0/0", "::/0", "proxy.example", "10.0.0.0/33", ""} {
		_, err := networks([]string{wrong})
		require.Equal(t, fault.Invalid, fault.KindOf(err), wrong)
	}
}

// The clock of the server may differ from that of the database by what QA approved, less what the answer itself took.
func TestClockIsJudged(t *testing.T) {
	t.Parallel()
	for apart, want := range map[time.Duration]string{time.Second: good, 5 * time.Second: warning, 2 * time.Minute: failing, time.Hour: failing} {
		require.Equal(t, want, clock(apart, 10*time.Millisecond, time.Minute).State, apart)
	}
	require.Equal(t, good, clock(3*time.Second, 4*time.Second, time.Minute).State, "a slow answer is no wrong clock")
	now := time.Now()
	yesterday, lastWeek := now.Add(-24*time.Hour), now.Add(-7*24*time.Hour)
	require.Equal(t, []string{warning, good, warning}, []string{verifyAge(nil, now).State, verifyAge(&yesterday, now).State, verifyAge(&lastWeek, now).State})
	p, w := newPlant(t)
	require.Equal(t, []string{"database", "clock", "verify"}, names(p.databaseAndClock(w.Ctx)))
	require.NoError(t, p.checkClock(w.Ctx))
	require.Empty(t, w.Entries(audit.Site, "incident.open"))
	require.False(t, ready([]finding{{State: good}, {State: failing}}))
	require.True(t, ready([]finding{{State: good}, {State: warning}}), "a warning takes no server out of work")
}

func names(found []finding) (list []string) {
	for _, f := range found {
		list = append(list, f.Name)
	}
	return list
}

// A certificate that ends soon is an alarm on the pages and an incident; how soon, QA approved.
func TestEndingCertificateIsAnAlarm(t *testing.T) {
	t.Parallel()
	p, w := newPlant(t)
	words := func() (found string) {
		require.NoError(t, p.trail.Read(w.Ctx, func(r *audit.Reader) (err error) {
			alarms, err := p.certificateAlarms(w.Ctx, r)
			if len(alarms) > 0 {
				found = alarms[0].Words.String()
			}
			return err
		}))
		return found
	}
	require.Empty(t, words(), "plain HTTP has none")
	folder := t.TempDir()
	given := func(left time.Duration) {
		t.Helper()
		own, err := certificate.Own(folder, []string{"plant7"})
		require.NoError(t, err)
		p.certificate = own
		own.Leaf().NotAfter = time.Now().Add(left)
	}
	given(40 * 24 * time.Hour)
	require.Empty(t, words())
	w.Configure(versions.Propose{CertificateDays: "60"})
	require.Contains(t, words(), "ends on")
	given(-time.Hour)
	require.Contains(t, words(), "browsers refuse it")
	require.NoError(t, p.checkCertificate(w.Ctx))
	require.Eventually(t, func() bool {
		for _, e := range w.Entries(audit.Site, "incident.open") {
			if e.Reason == words() {
				return true
			}
		}
		return false
	}, 20*time.Second, 20*time.Millisecond)
	require.NotEmpty(t, quality.Certificate.Words())
}

// Clients that send a byte now and then, in headers or in a body, or that do not read their answer, are cut off; the others are served meanwhile.
func TestSlowClientsAreCutOff(t *testing.T) {
	t.Parallel()
	p, _ := newPlant(t)
	given := make(chan error, 100) // what became of the answers that nobody reads
	site := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		buf := make([]byte, 64<<10)
		for r.URL.Path == "/large" {
			if _, err := w.Write(buf); err != nil {
				given <- err
				return
			}
		}
		for {
			if _, err := r.Body.Read(buf[:64]); err != nil {
				return
			}
		}
	})
	server := p.httpServer(site)
	patience := server.ReadHeaderTimeout + server.ReadTimeout + server.WriteTimeout
	require.Less(t, patience, 2*time.Minute)
	require.Positive(t, server.ReadHeaderTimeout)
	require.Positive(t, server.WriteTimeout)
	require.Positive(t, server.IdleTimeout)
	if os.Getenv("VERIBATCH_LONG") == "" { // the same limits, shorter
		server.ReadHeaderTimeout, server.ReadTimeout, server.WriteTimeout = server.ReadHeaderTimeout/20, server.ReadTimeout/20, server.WriteTimeout/20
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	var slow []net.Conn
	for i := range 150 {
		conn, err := net.Dial("tcp", listener.Addr().String())
		require.NoError(t, err)
		_, err = conn.Write([]byte([]string{"GET / HTTP/1.1\r\nHost: plant\r\nX-Slow: ", "POST / HTTP/1.1\r\nHost: plant\r\nContent-Length: 1000\r\n\r\n", "GET /large HTTP/1.1\r\nHost: plant\r\n\r\n"}[i%3]))
		require.NoError(t, err)
		if i%3 == 2 {
			t.Cleanup(func() { _ = conn.Close() })
		} else {
			slow = append(slow, conn)
		}
	}
	answer, err := http.Get("http://" + listener.Addr().String())
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	for _, conn := range slow {
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(2*patience)))
		r := bufio.NewReader(conn)
		for err = nil; err == nil; _, err = r.ReadByte() {
			_, _ = conn.Write([]byte("a")) // still there, and slow
		}
		require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
		require.NoError(t, conn.Close())
	}
	for range 50 {
		select {
		case <-given:
		case <-time.After(2 * patience):
			t.Fatal("who does not read holds the server")
		}
	}
}
