package crash

import (
	"bytes"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// committed is how PostgreSQL answers COMMIT.
var committed = append([]byte{'C', 0, 0, 0, 11}, "COMMIT\x00"...)

// proxy stands between the server and PostgreSQL. It breaks a connection instead of passing on that a commit was done, as often as it was told.
type proxy struct {
	drop   atomic.Int64 // answers that are still to be dropped
	drops  atomic.Int64 // answers that were
	target string
}

// listen gives the connection string that leads through the proxy.
func (p *proxy) listen(t *testing.T, dsn string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	require.NoError(t, err)
	q := u.Query()
	p.target = filepath.Join(q.Get("host"), ".s.PGSQL."+q.Get("port"))
	dir, err := os.MkdirTemp("/tmp", "vbcrash-proxy-")
	require.NoError(t, err)
	l, err := net.Listen("unix", filepath.Join(dir, ".s.PGSQL."+q.Get("port")))
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close(); _ = os.RemoveAll(dir) })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go p.serve(client)
		}
	}()
	q.Set("host", dir)
	u.RawQuery = q.Encode()
	return u.String()
}

func (p *proxy) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("unix", p.target)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		_, _ = io.Copy(server, client)
		_ = server.Close()
	}()
	var tail []byte // of what was passed on: an answer may come in two pieces
	buf := make([]byte, 64<<10)
	for {
		n, err := server.Read(buf)
		if err != nil {
			return
		}
		seen := append(tail, buf[:n]...)
		if bytes.Contains(seen, committed) && p.drop.Add(-1) >= 0 {
			p.drops.Add(1)
			return
		}
		tail = bytes.Clone(seen[max(0, len(seen)-len(committed)+1):])
		if _, err := client.Write(buf[:n]); err != nil {
			return
		}
	}
}
