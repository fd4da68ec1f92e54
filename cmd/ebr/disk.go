package main

import (
	"context"
	"strings"
	"sync"
	"syscall"
	"time"

	"veribatch/audit"
	"veribatch/ebr/quality"
	"veribatch/internal/language"
	"veribatch/web"
)

// Bytes left on a disk. Below lowDisk it is an alarm; below fullDisk the server is not ready and opens an incident; below noDisk acts are refused, so that what
// is left is for log-in, incidents and the database itself.
const (
	lowDisk  = 2 << 30
	fullDisk = 256 << 20
	noDisk   = 64 << 20
)

// diskAge is how long an answer about the disk holds.
const diskAge = time.Second

// room is what is left where the disk must not be full. A nil room is large.
type room struct {
	folders []string                                      // that must not be full
	free    func(folder string) (bytes uint64, err error) // freeBytes
	told    func(left uint64)                             // is told when less than fullDisk is left, once until there is more; nil: nobody

	mu    sync.Mutex
	asked time.Time
	left  uint64
	bad   string // a folder that cannot be read
	full  bool
}

func freeBytes(folder string) (uint64, error) {
	var s syscall.Statfs_t
	err := syscall.Statfs(folder, &s)
	return s.Bavail * uint64(s.Bsize), err //nolint:gosec // a block size is positive
}

// lowest gives what is left on the fullest of the disks, or the folder that cannot be read.
func (r *room) lowest() (left uint64, bad string) {
	if r == nil {
		return 1 << 62, ""
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.asked) < diskAge {
		return r.left, r.bad
	}
	r.asked, r.left, r.bad = time.Now(), 1<<62, ""
	for _, folder := range r.folders {
		free, err := r.free(folder)
		if err != nil {
			r.left, r.bad = 0, folder
			return r.left, r.bad
		}
		r.left = min(r.left, free)
	}
	if was := r.full; r.told != nil && (r.left < fullDisk) != was {
		if r.full = !was; r.full {
			r.told(r.left)
		}
	}
	return r.left, r.bad
}

// guard refuses acts while the disk has no room, before PostgreSQL would: then people still log in and out and read, and the server keeps its own entries.
func (r *room) guard(next func(context.Context, *audit.Tx) error) func(context.Context, *audit.Tx) error {
	return func(ctx context.Context, tx *audit.Tx) error {
		if left, bad := r.lowest(); left < noDisk && bad == "" && tx.Actor().Person != audit.SystemPerson && !strings.HasPrefix(tx.Act(), "session.") {
			return audit.NoRoom()
		}
		return next(ctx, tx)
	}
}

// diskFull has an incident opened.
func (p *plant) diskFull(left uint64) {
	if p.incidents == nil { // the server is only about to start
		return
	}
	p.log.Error("the disk is nearly full", "mebibytes", left>>20)
	p.incidents.Report(quality.Incident{Kind: quality.FailedJob, Summary: "The server's disk has less than 256 MiB left. Below 64 MiB nothing can be entered.", Cause: "disk"})
}

// diskAlarms stand on every page when nothing can be entered, and before that for those who judge incidents.
func (p *plant) diskAlarms(context.Context, audit.Querier) ([]web.Alarm, error) {
	left, bad := p.room.lowest()
	switch {
	case bad != "" || left >= lowDisk:
		return nil, nil
	case left < noDisk:
		return []web.Alarm{{Level: "action", Words: language.Write("The server's disk is full: nothing can be entered, reading goes on. Call IT"), Href: "/"}}, nil
	}
	return []web.Alarm{{Act: "incident.read", Level: "alert", Words: language.Write("The server's disk has %d MiB left. Below 64 MiB nothing can be entered.", left>>20), Href: "/incidents"}}, nil
}
