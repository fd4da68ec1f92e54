package pgtest

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"veribatch/internal/postgres"
)

// fast are settings that no production cluster may have: a test cluster is thrown away.
var fast = []string{"fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=400", "shared_buffers=128MB",
	"wal_level=minimal", "max_wal_senders=0", "checkpoint_timeout=1h", "max_wal_size=4GB", "idle_in_transaction_session_timeout=0"}

// durable makes test clusters as safe as the private cluster of ebr serve: for benchmarks (make bench).
var durable = os.Getenv("VERIBATCH_DURABLE") != ""

func settings() []string {
	if durable {
		return []string{"max_connections=400"}
	}
	return fast
}

var own struct {
	once   sync.Once
	access postgres.Access
	stop   func()
	err    error
}

// cluster gives the cluster of the test run, or starts one for this process.
func cluster(ctx context.Context) (postgres.Access, error) {
	if a, err := shared(); a != nil || err != nil {
		if a == nil {
			return postgres.Access{}, err
		}
		return *a, err
	}
	own.once.Do(func() { own.access, own.stop, own.err = Cluster(context.WithoutCancel(ctx), nil) })
	return own.access, own.err
}

// Main runs the tests of a package and then stops the cluster that they started, if they did. Call it from TestMain:
//
//	func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }
//
// A package without it works too: the cluster then ends with the process, and the next run removes its folder.
func Main(m *testing.M) int {
	code := m.Run()
	if own.stop != nil {
		own.stop()
	}
	return code
}

// Cluster starts a throwaway cluster and gives the function that stops it and removes its folder.
func Cluster(ctx context.Context, progress func(string)) (postgres.Access, func(), error) {
	sweep()
	state, err := os.MkdirTemp("/tmp", "vbtest-")
	if err != nil {
		return postgres.Access{}, nil, err
	}
	if err := os.Chmod(state, 0o711); err != nil {
		return postgres.Access{}, nil, err
	}
	c, err := postgres.Start(ctx, postgres.Options{State: state, Progress: progress, Settings: settings(), Throwaway: !durable})
	if err != nil {
		_ = os.RemoveAll(state)
		return postgres.Access{}, nil, err
	}
	return c.Access.In("postgres"), func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		_ = c.Stop(ctx)
		_ = os.RemoveAll(state)
	}, nil
}

// sweep removes the folders of test processes that were killed: those whose lock nobody holds. Folders younger than two minutes
// may just be starting.
func sweep() {
	left, _ := filepath.Glob("/tmp/vbtest-*")
	for _, state := range left {
		info, err := os.Stat(state)
		if err != nil || time.Since(info.ModTime()) < 2*time.Minute {
			continue
		}
		lock, err := os.OpenFile(filepath.Join(state, "lock"), os.O_RDWR, 0)
		if err != nil {
			continue
		}
		if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			_ = os.RemoveAll(state)
		}
		_ = lock.Close()
	}
}
