package main

import (
	"context"
	"net/http"
	"strings"
	"sync"
)

// lastOrders lets the requests under way finish while every new one is told that the server is stopping: a request that arrives then was surely not
// carried out, and whoever sent it knows when to send it again.
type lastOrders struct {
	http.Handler

	mu     sync.Mutex
	called bool
	inside int
	empty  chan struct{} // closed when the last one has left
}

// ServeHTTP serves before the call, and asks to come again after it. Who only asks for the health of the server is answered until the end.
func (l *lastOrders) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/healthz" || r.URL.Path == "/readyz" {
		l.Handler.ServeHTTP(w, r)
		return
	}
	if !l.enter() {
		stopping(w, r)
		return
	}
	defer l.leave()
	l.Handler.ServeHTTP(w, r)
}

func (l *lastOrders) enter() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.called {
		return false
	}
	l.inside++
	return true
}

func (l *lastOrders) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.inside--; l.called && l.inside == 0 {
		close(l.empty)
	}
}

// call lets nobody in any more and waits until everybody has left, or ctx ends.
func (l *lastOrders) call(ctx context.Context) {
	l.mu.Lock()
	l.called, l.empty = true, make(chan struct{})
	if l.inside == 0 {
		close(l.empty)
	}
	l.mu.Unlock()
	select {
	case <-l.empty:
	case <-ctx.Done():
	}
}

const stoppingWords = "The server is stopping. Nothing was saved by this request. Send it again in a moment."

func stopping(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Retry-After", "10")
	w.Header().Set("Connection", "close")
	if strings.HasPrefix(r.URL.Path, "/api/") {
		w.Header().Set("Content-Type", "application/problem+json")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(`{"title":"not ready","status":503,"detail":"` + stoppingWords + `"}`))
		return
	}
	http.Error(w, stoppingWords, http.StatusServiceUnavailable)
}
