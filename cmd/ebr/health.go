package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"veribatch/audit"
	"veribatch/migrations"
	"veribatch/signatures/configuration"
	"veribatch/signatures/keyring"
)

// State of one matter of health.
const (
	good    = "ok"
	warning = "warning" // look at it; the server works
	failing = "failed"  // the server must not take work now
)

// finding is one matter of health in words.
type finding struct {
	Name   string `json:"name"`
	State  string `json:"state"`
	Detail string `json:"detail"`
}

// health tells whether the server may take work. It asks at most every two seconds: everybody may ask the server, and that costs little.
type health struct {
	*plant
	database string   // connection string of role app
	password password // nil when the connection string has it
	draining atomic.Bool

	mu    sync.Mutex
	asked time.Time
	found []finding
}

const (
	healthAge  = 2 * time.Second
	healthTime = 3 * time.Second // how long all questions together may take
	oddClock   = 2 * time.Second
	oldVerify  = 48 * time.Hour
)

// findings asks everything.
func (h *health) findings(ctx context.Context) []finding {
	h.mu.Lock()
	defer h.mu.Unlock()
	if time.Since(h.asked) > healthAge {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), healthTime)
		defer cancel()
		h.found = append(h.databaseAndClock(ctx), h.schema(ctx), h.disk(), h.signing())
		h.asked = time.Now()
	}
	if h.draining.Load() {
		return append([]finding{{"drain", failing, "The server is stopping: requests under way may finish."}}, h.found...)
	}
	return h.found
}

const clockAndVerify = `select clock_timestamp(), (select succeeded_at from ebr.jobs where name = 'verify')`

func (p *plant) databaseAndClock(ctx context.Context) []finding {
	var there time.Time
	var verified *time.Time
	var settings configuration.Settings
	began := p.trail.Now()
	var asked time.Duration
	err := p.trail.Read(ctx, func(r *audit.Reader) (err error) {
		began = p.trail.Now()
		sent := time.Now()
		if err = r.QueryRow(ctx, clockAndVerify).Scan(&there, &verified); err != nil {
			return err
		}
		asked = time.Since(sent)
		settings, err = configuration.Read(ctx, r)
		return err
	})
	if err != nil {
		return []finding{{"database", failing, "The database does not answer."}}
	}
	return []finding{{"database", good, fmt.Sprintf("answers in %s", asked.Round(100*time.Microsecond))},
		clock(there.Sub(began.Round(0).Add(asked/2)).Abs(), asked, time.Duration(settings.ClockSeconds)*time.Second), verifyAge(verified, there)}
}

// clock judges the difference between this machine and the database, less what the answer itself took.
func clock(apart, asked, limit time.Duration) finding {
	f := finding{"clock", good, fmt.Sprintf("server and database are %s apart", apart.Round(time.Millisecond))}
	switch apart -= asked / 2; {
	case apart > limit:
		f.State = failing
	case apart > oddClock:
		f.State = warning
	}
	return f
}

func verifyAge(last *time.Time, now time.Time) finding {
	if last == nil {
		return finding{"verify", warning, "The records were never verified."}
	}
	f := finding{"verify", good, fmt.Sprintf("all records agreed with the trail %s ago", now.Sub(*last).Round(time.Minute))}
	if now.Sub(*last) > oldVerify {
		f.State = warning
	}
	return f
}

func (h *health) schema(ctx context.Context) finding {
	conn, err := connect(ctx, h.database, h.password)
	if err != nil {
		return finding{"schema", failing, "The database takes no new connection."}
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if err := migrations.Check(ctx, conn); err != nil {
		return finding{"schema", failing, message(err)}
	}
	return finding{"schema", good, "is that of this program"}
}

func (h *health) disk() finding {
	left, bad := h.room.lowest()
	f := finding{"disk", good, fmt.Sprintf("%d MiB free", left>>20)}
	switch {
	case bad != "":
		return finding{"disk", failing, fmt.Sprintf("The folder %s cannot be read.", filepath.Base(bad))}
	case left < fullDisk:
		f.State = failing
	case left < lowDisk:
		f.State = warning
	}
	return f
}

// signing proves that the site key signs, that its signature holds, and that the next start will find the key.
func (h *health) signing() finding {
	if h.key.Kept() != nil {
		return finding{"keyring", failing, "The file of the site key is gone, open to others, or another key."}
	}
	probe := []byte(time.Now().String())
	if !keyring.Verify(h.key.Public(), "health", probe, h.key.Sign("health", probe)) {
		return finding{"keyring", failing, "The site key does not sign."}
	}
	return finding{"keyring", good, "signs"}
}

func ready(found []finding) bool {
	for _, f := range found {
		if f.State == failing {
			return false
		}
	}
	return true
}

// alive answers /healthz: the process takes requests. It asks nothing, so that a slow database does not get the server killed.
func alive(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]string{"status": good})
}

// readyz answers whether work may be sent here; with details only where nobody but this machine can ask.
func (h *health) readyz(details bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		found := h.findings(r.Context())
		body := map[string]any{"status": "ready"}
		code := http.StatusOK
		if !ready(found) {
			body["status"], code = "not ready", http.StatusServiceUnavailable
		}
		if details {
			body["checks"] = found
		}
		answer(w, code, body)
	}
}

func answer(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body)
}
