package crash

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"veribatch/internal/postgres"
)

// plant is a database, the proxy before it, and a server, each of which may be killed and started again.
type plant struct {
	t       *testing.T
	root    string
	program string
	cluster *postgres.Cluster
	proxy   *proxy
	dsn     string // of the server, through the proxy

	server *exec.Cmd
	ended  chan struct{}
	url    string
}

// newPlant starts everything over an empty folder, with the people and batches of the demo plant.
func newPlant(t *testing.T, program string) *plant {
	t.Helper()
	root, err := os.MkdirTemp("/tmp", "vbcrash-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(root, 0o711))
	p := &plant{t: t, root: root, program: program, proxy: &proxy{}}
	t.Cleanup(func() {
		if said, _ := exec.Command("grep", "-v", "msg=request", filepath.Join(root, "server.log")).Output(); t.Failed() {
			t.Logf("the server said: %s", said)
		}
		if p.server != nil {
			p.killServer()
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		_ = p.cluster.Stop(ctx)
		_ = os.RemoveAll(root)
	})
	p.startDatabase()
	migrate := exec.Command(program, "migrate")
	migrate.Env = append(os.Environ(), "EBR_MIGRATOR_DATABASE="+p.cluster.DSN(postgres.Migrator))
	out, err := migrate.CombinedOutput()
	require.NoError(t, err, "%s", out)
	p.dsn = p.proxy.listen(t, p.cluster.DSN(postgres.App))
	p.startServer("", "--demo")
	return p
}

func (p *plant) startDatabase() {
	p.t.Helper()
	c, err := postgres.Start(context.Background(), postgres.Options{State: filepath.Join(p.root, "db"), Throwaway: true})
	require.NoError(p.t, err)
	p.cluster = c
}

// killDatabase ends every process of the cluster at once, as an operating system that dies does.
func (p *plant) killDatabase() {
	p.t.Helper()
	for _, pid := range family(p.cluster.Postmaster()) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	<-p.cluster.Exited()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_ = p.cluster.Stop(ctx) // gives the lock of the folder free
}

// family lists a process and its children.
func family(pid int) []int {
	all := []int{pid}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		raw, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(raw), ") ")
		if fields := strings.Fields(rest); len(fields) > 1 && fields[1] == strconv.Itoa(pid) {
			child, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			all = append(all, child)
		}
	}
	return all
}

// startServer waits until the server takes requests. It may be told where to kill itself.
func (p *plant) startServer(failpoint string, more ...string) {
	p.t.Helper()
	p.server = exec.Command(p.program, append([]string{"serve", "--state", filepath.Join(p.root, "state"), "--listen", "127.0.0.1:0", "--database", p.dsn}, more...)...)
	p.server.Env = append(os.Environ(), "VERIBATCH_FAILPOINT="+failpoint)
	log, err := os.OpenFile(filepath.Join(p.root, "server.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(p.t, err)
	defer log.Close()
	p.server.Stderr = log
	out, err := p.server.StdoutPipe()
	require.NoError(p.t, err)
	require.NoError(p.t, p.server.Start())
	p.ended, p.url = make(chan struct{}), ""
	for lines := bufio.NewScanner(out); p.url == "" && lines.Scan(); {
		_, p.url, _ = strings.Cut(lines.Text(), "ready: ")
	}
	if p.url == "" {
		said, _ := os.ReadFile(log.Name())
		p.t.Fatalf("the server did not start: %s", said)
	}
	go func(server *exec.Cmd, ended chan struct{}) { _ = server.Wait(); close(ended) }(p.server, p.ended)
}

func (p *plant) killServer() {
	_ = p.server.Process.Kill()
	<-p.ended
}

// down tells whether the server has ended.
func (p *plant) down() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// ask reads one value past the proxy and the server.
func (p *plant) ask(to any, sql string, args ...any) {
	p.t.Helper()
	conn, err := pgx.Connect(context.Background(), p.cluster.DSN(postgres.App))
	require.NoError(p.t, err)
	defer conn.Close(context.Background())
	require.NoError(p.t, conn.QueryRow(context.Background(), sql, args...).Scan(to), sql)
}

// verify is what an auditor runs.
func (p *plant) verify() {
	p.t.Helper()
	out, err := exec.Command(p.program, "verify", "--state", filepath.Join(p.root, "state"), "--database", p.cluster.DSN(postgres.App)).CombinedOutput()
	require.NoError(p.t, err, "ebr verify: %s", out)
}

// build makes the program with the failpoints of package audit.
func build(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "ebr")
	out, err := exec.Command("go", "build", "-tags", "crash", "-o", name, "veribatch/cmd/ebr").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return name
}
