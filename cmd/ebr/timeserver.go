package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/beevik/ntp"

	"veribatch/audit"
	"veribatch/ebr/quality"
	"veribatch/internal/language"
	"veribatch/signatures"
	"veribatch/web"
)

// How often the time server is asked, how long one answer may take, and after what time without one nobody compares the clocks any more.
const (
	timePause    = time.Minute
	timePatience = 3 * time.Second
	timeSilence  = 15 * time.Minute
)

// timeServer is a third clock: an NTP server (RFC 5905) with which this machine's clock is compared, beside that of the database. Two answers in a row must say
// that they differ, because one may be a packet that was late; one that agrees is enough. A server that answers nothing, or nothing that counts, changes nothing:
// what it said last holds, and after a while people are told that nobody compares.
type timeServer struct {
	address string
	now     func() time.Time // of this machine, as a person may set it
	steady  func() time.Time // runs whatever is set

	mu      sync.Mutex
	doubted bool
	ahead   time.Duration // of this machine's clock; 0 unless it was seen twice that it matters
	heard   time.Time     // steady
	problem error         // of the last question
}

func newTimeServer(address string, now func() time.Time) *timeServer {
	return &timeServer{address: address, now: now, steady: time.Now, heard: time.Now()}
}

// look asks once.
func (t *timeServer) look() {
	answer, err := ntp.QueryWithOptions(t.address, ntp.QueryOptions{Timeout: timePatience, GetSystemTime: func() time.Time { return t.now().Round(0) }})
	if err == nil {
		err = answer.Validate()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.problem = err; err != nil {
		return
	}
	t.heard = t.steady()
	apart := beyond(answer.ClockOffset, answer.RootDistance)
	switch {
	case apart.Abs() <= signatures.ClockBound:
		t.doubted, t.ahead = false, 0
	case t.doubted:
		t.ahead = apart
	}
	t.doubted = apart.Abs() > signatures.ClockBound
}

// beyond is what is left of a difference when all doubt about it is taken off.
func beyond(apart, doubt time.Duration) time.Duration {
	switch {
	case apart > doubt:
		return apart - doubt
	case apart < -doubt:
		return apart + doubt
	}
	return 0
}

// apart is by how much the time server is ahead of this machine, or behind when it is negative; 0 while that does not matter.
func (t *timeServer) apart() time.Duration {
	if t == nil {
		return 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ahead
}

// silent says why nobody compares, when the time server has said nothing that counts for long; nil otherwise.
func (t *timeServer) silent() error {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.steady().Sub(t.heard) < timeSilence {
		return nil
	}
	return t.problem
}

// watchTime asks the time server again and again until ctx ends. What differs is an incident.
func (p *plant) watchTime(ctx context.Context, every time.Duration) {
	for was := time.Duration(0); p.timeServer != nil && ctx.Err() == nil; pause(ctx, every) {
		p.timeServer.look()
		apart := p.timeServer.apart()
		if apart != 0 && was == 0 {
			p.log.ErrorContext(ctx, "the clock of this machine differs from the time server", "apart", apart)
			p.incidents.Report(quality.Incident{Kind: quality.Clock, Cause: "time server", Summary: fmt.Sprintf(
				"The clock of the server and the time server are %s apart. Nobody signs until they agree. Records have the time of the database.", signatures.InWords(apart))})
		}
		was = apart
	}
}

// timeAlarms stand on every page while nobody can sign for the time server, and on those of who judges incidents when nobody compares.
func (p *plant) timeAlarms(context.Context, audit.Querier) (list []web.Alarm, err error) {
	if apart := p.timeServer.apart(); apart != 0 {
		list = append(list, web.Alarm{Level: "action", Words: language.Write("The clock of the server and the time server are %s apart: nothing can be signed, entries without a signature go on. Call IT", signatures.InWords(apart)), Href: "/"})
	}
	if p.timeServer.silent() != nil {
		list = append(list, web.Alarm{Act: "incident.read", Level: "alert", Words: language.Write("The time server has given no answer that counts for 15 minutes: no clock from outside is compared. Call IT"), Href: "/incidents"})
	}
	return list, nil
}
