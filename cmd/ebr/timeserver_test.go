package main

import (
	"context"
	"encoding/binary"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/signatures"
)

// told is how a time server of a test answers.
type told struct {
	off                 time.Duration // of its clock
	leap, stratum       byte
	delay               time.Duration // to the reference clock, as it says
	silent, other, kiss bool
}

// startTimeServer answers questions of NTP on loopback (RFC 5905, figure 8) as somebody says.
func startTimeServer(t *testing.T) (address string, says *atomic.Pointer[told]) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	says = &atomic.Pointer[told]{}
	says.Store(&told{stratum: 2})
	go func() {
		for question := make([]byte, 512); ; {
			n, from, err := conn.ReadFrom(question)
			if err != nil {
				return
			}
			if how := says.Load(); n >= 48 && !how.silent {
				_, _ = conn.WriteTo(answerOf(how, question), from)
			}
		}
	}()
	return conn.LocalAddr().String(), says
}

func answerOf(how *told, question []byte) []byte {
	a := make([]byte, 48)
	a[0], a[1], a[2], a[3] = how.leap<<6|4<<3|4, how.stratum, 6, 0xec
	binary.BigEndian.PutUint32(a[4:], uint32(how.delay.Seconds()*65536))
	copy(a[12:], "GPS\x00")
	if how.kiss {
		a[1] = 0
		copy(a[12:], "RATE")
	}
	now := time.Now().Add(how.off)
	stamp := func(at time.Time) uint64 {
		seconds := at.Unix() + 2208988800 // since 1900
		return uint64(seconds)<<32 | uint64(at.Nanosecond())<<32/1e9
	}
	binary.BigEndian.PutUint64(a[16:], stamp(now.Add(-time.Second)))
	copy(a[24:32], question[40:48])
	if how.other {
		a[25] ^= 1
	}
	binary.BigEndian.PutUint64(a[32:], stamp(now))
	binary.BigEndian.PutUint64(a[40:], stamp(now))
	return a
}

// clockAt gives a time server that is asked by a machine whose clock may be set.
func clockAt(t *testing.T) (s *timeServer, says *atomic.Pointer[told], set *atomic.Int64, later *atomic.Int64) {
	address, says := startTimeServer(t)
	set, later = &atomic.Int64{}, &atomic.Int64{}
	s = newTimeServer(address, func() time.Time { return time.Now().Add(time.Duration(set.Load())) })
	s.steady = func() time.Time { return time.Now().Add(time.Duration(later.Load())) }
	return s, says, set, later
}

// Two answers that say the same bar signatures, one that agrees lifts the bar: whether the clock of the machine jumps or that of the time server.
func TestTimeServerAgainstAClockThatJumps(t *testing.T) {
	t.Parallel()
	s, says, set, _ := clockAt(t)
	s.look()
	require.NoError(t, s.problem)
	require.Zero(t, s.apart())
	until := func(year int) time.Duration { return time.Until(time.Date(year, 6, 1, 0, 0, 0, 0, time.UTC)) }
	for _, jump := range []time.Duration{time.Hour, -time.Hour, -24 * time.Hour, until(1970), until(2038), 3 * time.Second, -3 * time.Second} {
		set.Store(int64(jump))
		s.look()
		require.Zero(t, s.apart(), "one answer may be late")
		s.look()
		require.NoError(t, s.problem)
		require.InDelta(t, -jump.Seconds(), s.apart().Seconds(), 0.5)
		set.Store(0)
		s.look()
		require.Zero(t, s.apart())
	}
	says.Store(&told{stratum: 2, off: time.Hour})
	s.look()
	s.look()
	require.InDelta(t, 3600, s.apart().Seconds(), 0.5)
	set.Store(int64(time.Second))
	says.Store(&told{stratum: 2})
	s.look()
	require.Zero(t, s.apart(), "within the bound")
}

// What counts as no answer bars nothing, lifts nothing and is no agreement: after 15 minutes people are told that nobody compares.
func TestTimeServerThatSaysNothingThatCounts(t *testing.T) {
	t.Parallel()
	for name, how := range map[string]told{
		"silent": {silent: true}, "kiss of death": {kiss: true, off: time.Hour}, "unsynchronised": {stratum: 2, leap: 3, off: time.Hour}, "stratum 16": {stratum: 16, off: time.Hour},
		"too far from the reference": {stratum: 2, delay: 60 * time.Second, off: time.Hour}, "answer to another question": {stratum: 2, other: true, off: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, says, _, later := clockAt(t)
			s.look()
			says.Store(&how)
			s.look()
			require.Error(t, s.problem)
			s.look()
			require.Zero(t, s.apart())
			require.NoError(t, s.silent())
			later.Store(int64(timeSilence))
			require.Error(t, s.silent())
			says.Store(&told{stratum: 2, off: time.Hour})
			s.look()
			s.look()
			require.NotZero(t, s.apart())
			require.NoError(t, s.silent())
			says.Store(&how)
			s.look()
			require.NotZero(t, s.apart(), "what it said last holds")
		})
	}
	s, says, _, _ := clockAt(t)
	says.Store(&told{stratum: 2, off: 4 * time.Second, delay: 8 * time.Second})
	s.look()
	s.look()
	require.NoError(t, s.problem)
	require.Zero(t, s.apart(), "the server itself doubts more than it differs")
}

// While the time server differs nobody signs, everybody sees why, and one incident is opened; when it agrees people sign again.
func TestTimeServerThatDiffersBarsSignatures(t *testing.T) {
	t.Parallel()
	p, w := newPlant(t)
	s, says, _, later := clockAt(t)
	p.timeServer, w.Trail.Outside = s, s.apart
	bar := func() (err error) {
		require.NoError(t, w.Trail.Read(w.Ctx, func(r *audit.Reader) error { err = signatures.ClockBar(w.Ctx, w.Trail, r); return nil }))
		return err
	}
	words := func() (said, act string) {
		alarms, err := p.timeAlarms(w.Ctx, nil)
		require.NoError(t, err)
		for _, one := range alarms {
			said, act = said+one.Words.String(), act+one.Act
		}
		return said, act
	}
	ctx, cancel := context.WithCancel(w.Ctx)
	stopped := make(chan struct{})
	t.Cleanup(func() { cancel(); <-stopped })
	go func() { defer close(stopped); p.watchTime(ctx, 5*time.Millisecond) }()
	require.NoError(t, bar())
	for range 2 {
		says.Store(&told{stratum: 2, off: -time.Hour})
		require.Eventually(t, func() bool { return bar() != nil }, time.Minute, time.Millisecond)
		require.ErrorContains(t, bar(), "The clock of the server and the time server are 1h0m0s apart, so nothing can be signed now. Entries without a signature go on.")
		said, act := words()
		require.Contains(t, said, "nothing can be signed")
		require.Empty(t, act, "everybody sees it")
		says.Store(&told{stratum: 2})
		require.Eventually(t, func() bool { return bar() == nil }, time.Minute, time.Millisecond)
	}
	require.Eventually(t, func() bool { return len(w.Entries(audit.Site, "incident.open")) == 1 }, time.Minute, 20*time.Millisecond, "the same cause is one incident")
	says.Store(&told{silent: true})
	require.Eventually(t, func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.problem != nil }, time.Minute, time.Millisecond)
	later.Store(int64(timeSilence))
	said, act := words()
	require.Contains(t, said, "no clock from outside is compared")
	require.Equal(t, "incident.read", act)
	require.NoError(t, bar())
}
