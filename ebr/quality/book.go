package quality

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"veribatch/audit"
)

// Book takes reports of incidents from anywhere in the server and writes them beside the requests. A report never fails and never waits: what
// happens while the database is away is kept in memory and, the first of each cause, in a folder, and written when it is back. Reports of
// one cause that come fast are joined, so that a failure in a loop cannot flood the trail.
type Book struct {
	trail *audit.Trail
	dir   string // folder of the reports that are not written yet
	log   *slog.Logger
	wake  chan struct{}

	mu      sync.Mutex
	waiting map[string]*report // by cause
	paces   map[string]*pace
}

// report is an incident on its way. Key is the request key under which it is written, so that a report whose commit was not answered is
// counted once.
type report struct {
	Key string
	Incident
}

// pace holds back the repeats of one cause: the gap doubles with each write, and a batch that was not linked yet does not wait.
type pace struct {
	last    time.Time
	gap     time.Duration
	batches map[string]bool
}

const (
	firstGap    = 10 * time.Second
	longestGap  = 10 * time.Minute
	lookAgain   = 5 * time.Second // for reports of other programs, and after a failure
	mostWaiting = 500             // causes; more than that are in the log only
	mostBatches = 1000            // of one report
	fewFailures = 3
	lastWords   = 3 * time.Second // to write what waits when the server stops
)

// NewBook makes a book over the folder, which is made when it is needed.
func NewBook(trail *audit.Trail, dir string, log *slog.Logger) *Book {
	return &Book{trail: trail, dir: dir, log: log, wake: make(chan struct{}, 1), waiting: map[string]*report{}, paces: map[string]*pace{}}
}

// Report keeps an incident.
func (b *Book) Report(in Incident) {
	in.complete(b.trail.Now())
	b.mu.Lock()
	defer b.mu.Unlock()
	cause := in.fingerprint()
	r, joined := b.waiting[cause]
	switch {
	case joined:
		r.join(in)
	case len(b.waiting) >= mostWaiting:
		b.log.Error("an incident could not be kept: too many wait", "kind", in.Kind, "summary", in.Summary)
		return
	default:
		r = &report{audit.NewID(), in}
		b.waiting[cause] = r
		if err := leave(b.dir, r); err != nil {
			b.log.Error("an incident is kept in memory only", "error", err)
		}
	}
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

func (r *report) join(in Incident) {
	r.Times += in.Times
	if in.Reference != "" {
		r.Reference = in.Reference
	}
	for _, id := range in.Batches {
		if !slices.Contains(r.Batches, id) && len(r.Batches) < mostBatches {
			r.Batches = append(r.Batches, id)
		}
	}
}

// Leave keeps an incident in the folder, for the server that runs now or starts next: for programs that have no session of their own.
func Leave(dir string, in Incident) error {
	in.complete(time.Now())
	return leave(dir, &report{audit.NewID(), in})
}

func leave(dir string, r *report) error {
	content, err := json.Marshal(r)
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, r.Key+".part"), content, 0o600)
	}
	if err == nil {
		err = os.Rename(filepath.Join(dir, r.Key+".part"), filepath.Join(dir, r.Key+".json"))
	}
	return err
}

// Keep writes what is reported until ctx ends, and then once more what still waits.
func (b *Book) Keep(ctx context.Context) {
	ticks := time.NewTicker(lookAgain)
	defer ticks.Stop()
	for {
		b.write(ctx, b.trail.Now())
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
			defer cancel()
			b.write(last, b.trail.Now().Add(longestGap)) // nothing is held back any more
			return
		case <-ticks.C:
		case <-b.wake:
		}
	}
}

// write writes what is due. What fails is tried again later; after a few failures the database is away, and the round ends.
func (b *Book) write(ctx context.Context, now time.Time) {
	if b.trail.System() == "" {
		return
	}
	b.collect()
	failed := 0
	for _, r := range b.due(now) {
		if failed == fewFailures {
			b.again(r)
			continue
		}
		if err := write(ctx, b.trail, r.Incident, r.Key); err != nil {
			b.log.ErrorContext(ctx, "an incident waits for the database", "kind", r.Kind, "summary", r.Summary, "reference", r.Reference, "error", err)
			b.again(r)
			failed++
			continue
		}
		if err := os.Remove(filepath.Join(b.dir, r.Key+".json")); err != nil && !errors.Is(err, os.ErrNotExist) {
			b.log.ErrorContext(ctx, "a written incident stays in its folder", "error", err)
		}
	}
}

// collect takes up the reports that other programs, or an earlier run of the server, left in the folder.
func (b *Book) collect() {
	files, err := fs.Glob(os.DirFS(b.dir), "*.json") // the folder's own name is no pattern
	if err != nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	known := map[string]bool{}
	for _, r := range b.waiting {
		known[r.Key] = true
	}
	for _, file := range files {
		path, key := filepath.Join(b.dir, file), strings.TrimSuffix(file, ".json")
		if known[key] || len(b.waiting) >= mostWaiting {
			continue
		}
		var r report
		content, err := os.ReadFile(path)
		if err == nil {
			err = json.Unmarshal(content, &r)
		}
		if err != nil || words[r.Kind] == "" || r.Key != key {
			b.log.Error("a report of an incident cannot be read and is set aside", "file", file, "error", err)
			_ = os.Rename(path, path+".unread")
			continue
		}
		b.waiting[r.Key] = &r // under its own key: it is written apart, and counted with its cause there
	}
}

// due takes out what may be written now.
func (b *Book) due(now time.Time) (list []*report) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.paces) > 2*mostWaiting {
		clear(b.paces)
	}
	for place, r := range b.waiting {
		cause := r.fingerprint()
		p := b.paces[cause]
		if p == nil || now.Sub(p.last) > longestGap {
			p = &pace{gap: firstGap / 2, batches: map[string]bool{}}
			b.paces[cause] = p
		}
		fresh := slices.ContainsFunc(r.Batches, func(id string) bool { return !p.batches[id] })
		if now.Sub(p.last) < p.gap && !fresh {
			continue
		}
		p.last, p.gap = now, min(2*p.gap, longestGap)
		for _, id := range r.Batches {
			p.batches[id] = true
		}
		list = append(list, r)
		delete(b.waiting, place)
	}
	slices.SortFunc(list, func(x, y *report) int { return x.At.Compare(y.At) })
	return list
}

// again puts back what could not be written, joined with what came meanwhile.
func (b *Book) again(r *report) {
	b.mu.Lock()
	defer b.mu.Unlock()
	cause := r.fingerprint()
	delete(b.paces, cause)
	if newer, ok := b.waiting[cause]; ok {
		_ = os.Remove(filepath.Join(b.dir, newer.Key+".json"))
		r.join(newer.Incident)
	}
	b.waiting[cause] = r
}
