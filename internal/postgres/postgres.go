// Package postgres owns the private PostgreSQL cluster of the default set-up: finding the programs, making the data directory,
// starting, stopping, and cleaning up after a crash. It owns no schema (package migrations does) and knows nothing about records.
// Start reading at Start.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// Database is the name of the one database in a private cluster.
const Database = "veribatch"

// Options say where a private cluster lives and who is told about its progress.
type Options struct {
	// State is the state folder. It is made when missing and holds the lock, the secrets and, where the database user can
	// reach it, the data directory, the socket and the log.
	State string
	// Progress receives one line per step that takes time or needs to be known. nil: nobody listens.
	Progress func(string)
	// Settings are added to the server's command line as -c name=value, stronger than its configuration file. Tests use
	// them; `ebr serve` leaves them empty.
	Settings []string
	// Throwaway makes a cluster that need not survive a crash of the machine (initdb without sync). Tests only.
	Throwaway bool
}

// Cluster is a running private cluster. It is stopped by Stop, and by the kernel's parent-death signal when this process is killed.
type Cluster struct {
	Access
	progress func(string)
	place    place
	lock     *os.File
	pid      int
	exited   chan struct{}
	stop     sync.Once
}

// Start brings up the private cluster of a state folder and returns when it takes connections: it finds PostgreSQL 15 or newer,
// makes the data directory on the first call, ends a postmaster that a killed server left behind, and sets up roles, passwords
// and the database. A state folder serves one process at a time: a second Start is refused with the first one's process id.
func Start(ctx context.Context, o Options) (*Cluster, error) {
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	c := &Cluster{progress: o.Progress, exited: make(chan struct{})}
	if err := c.start(ctx, o); err != nil {
		c.abandon()
		return nil, err
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context, o Options) (err error) {
	state, err := prepareState(o.State)
	if err != nil {
		return err
	}
	if c.lock, err = lockState(state); err != nil {
		return err
	}
	who, err := serverUser()
	if err != nil {
		return err
	}
	if c.place, err = findPlace(state, who, o.Progress); err != nil {
		return err
	}
	programs, err := findPrograms(c.place.data)
	if err != nil {
		return err
	}
	if c.Access, err = loadAccess(filepath.Join(state, "secrets")); err != nil {
		return err
	}
	c.Access.programs = programs.folder()
	if c.Access.Socket, err = c.place.socketDir(); err != nil {
		return err
	}
	if err = endOrphan(ctx, c.place, o.Progress); err != nil {
		return err
	}
	if err = initialize(ctx, programs, c.place, c.Access.Secrets[Superuser], o); err != nil {
		return err
	}
	if err = c.launch(ctx, programs, o.Settings); err != nil {
		return err
	}
	return setUp(ctx, c.Access)
}

// Postmaster is the process id of the server's first process.
func (c *Cluster) Postmaster() int { return c.pid }

// Exited is closed when the postmaster has ended, by Stop or by itself.
func (c *Cluster) Exited() <-chan struct{} { return c.exited }

// launch starts the postmaster and waits until it answers. A postmaster that ends at once is tried again for 15 seconds:
// processes of a killed predecessor may still hold its shared memory, and the new one rightly refuses beside them.
func (c *Cluster) launch(ctx context.Context, p programs, settings []string) error {
	until := time.Now().Add(15 * time.Second)
	for {
		c.exited = make(chan struct{})
		err := c.spawn(p, settings)
		if err == nil {
			err = c.waitReady(ctx)
		}
		if err == nil || ctx.Err() != nil || !errors.Is(err, errEndedEarly) || time.Now().After(until) {
			return err
		}
		time.Sleep(250 * time.Millisecond)
	}
}

// spawn runs the postmaster in a process group of its own, so that Ctrl-C at the terminal reaches us and not the database.
func (c *Cluster) spawn(p programs, settings []string) error {
	args := []string{"-D", c.place.data, "-c", "listen_addresses=", "-c", "port=5432",
		"-c", "unix_socket_directories=" + c.Socket, "-c", "unix_socket_permissions=0700",
		"-c", "external_pid_file=", "-c", "log_directory=" + c.place.log}
	for _, s := range settings {
		args = append(args, "-c", s)
	}
	cmd := c.place.user.command(context.Background(), p.postgres, args...)
	cmd.Dir = c.place.root
	early, err := os.Create(filepath.Join(c.place.log, "start.log"))
	if err != nil {
		return err
	}
	defer early.Close()
	cmd.Stdout, cmd.Stderr = early, early
	started := make(chan error)
	go c.watch(cmd, started, c.exited)
	if err := <-started; err != nil {
		return fmt.Errorf("start %s: %w", p.postgres, err)
	}
	return nil
}

// watch starts the process and waits for its end on one locked thread: Linux sends the parent-death signal when the thread that
// started the child ends, not when the process does. The thread is given back alive: it may have started another child before.
func (c *Cluster) watch(cmd *exec.Cmd, started chan<- error, exited chan<- struct{}) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := cmd.Start()
	if err == nil {
		c.pid = cmd.Process.Pid
	}
	started <- err
	if err == nil {
		_ = cmd.Wait() // how it ended stands in its log
		close(exited)
	}
}

// Stop ends the cluster: open transactions are rolled back, everything committed is written (a fast shutdown). When ctx ends first,
// or after 30 seconds, the server is told to drop everything; the next start then recovers from its log.
func (c *Cluster) Stop(ctx context.Context) error {
	var err error
	c.stop.Do(func() {
		err = endProcess(ctx, c.pid, c.exited)
		c.release()
	})
	return err
}

// abandon cleans up after a failed Start.
func (c *Cluster) abandon() {
	if c.pid != 0 {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		_ = endProcess(ctx, c.pid, c.exited)
	}
	c.release()
}

// release gives up socket directory and lock. Closing the file alone would not free it while a child that is just being started still has it.
func (c *Cluster) release() {
	c.place.forgetSocket(c.Socket)
	if c.lock != nil {
		_ = c.lock.Truncate(0)
		_ = syscall.Flock(int(c.lock.Fd()), syscall.LOCK_UN)
		_ = c.lock.Close()
	}
}

// endProcess asks a postmaster for a fast shutdown (SIGINT) and, when patience ends, for an immediate one (SIGQUIT).
func endProcess(ctx context.Context, pid int, exited <-chan struct{}) error {
	select {
	case <-exited:
		return nil
	default:
	}
	_ = syscall.Kill(pid, syscall.SIGINT)
	select {
	case <-exited:
		return nil
	case <-ctx.Done():
	case <-time.After(30 * time.Second):
	}
	_ = syscall.Kill(pid, syscall.SIGQUIT)
	select {
	case <-exited:
		return nil
	case <-time.After(10 * time.Second):
		return fmt.Errorf("PostgreSQL (process %d) does not end; nothing is lost, but end it before the next start", pid)
	}
}
