package main_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// trusting is the client of a station that imported the server's own authority.
func trusting(t *testing.T, state string) *http.Client {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(state, "tls", "authority.pem"))
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(raw))
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}}
}

func get(t *testing.T, client *http.Client, url string) (*http.Response, string) {
	t.Helper()
	answer, err := client.Get(url)
	require.NoError(t, err)
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer, string(raw)
}

// The server makes its certificate at the first start and keeps it. A station that imported the authority sees no warning; the browser is told to
// come with TLS only; plain HTTP gets no page. The fingerprint stands in the trail, in the figures stands the end.
func TestOwnCertificate(t *testing.T) {
	t.Parallel()
	state := stateFolder(t)
	s := serve(t, state, "--tls-own", "--host-name", "plant7", "--metrics", "127.0.0.1:0", "--log", "json")
	require.True(t, strings.HasPrefix(s.url, "https://"), s.url)
	station := trusting(t, state)
	answer, _ := get(t, station, s.url+"/first")
	require.Equal(t, 200, answer.StatusCode)
	require.Equal(t, "max-age=31536000", answer.Header.Get("Strict-Transport-Security"))
	require.Equal(t, 2, answer.ProtoMajor)
	require.NoError(t, answer.TLS.PeerCertificates[0].VerifyHostname("plant7"))
	_, err := http.Get(s.url + "/first")
	require.ErrorContains(t, err, "certificate")
	plain, body := get(t, http.DefaultClient, "http"+strings.TrimPrefix(s.url, "https")+"/first")
	require.Equal(t, 400, plain.StatusCode, body)

	_, ready := get(t, station, s.url+"/readyz")
	require.JSONEq(t, `{"status":"ready"}`, ready, "strangers learn no more than that")
	_, details := get(t, http.DefaultClient, s.metrics+"/readyz")
	for _, name := range []string{"database", "clock", "schema", "disk", "keyring", "verify"} {
		require.Contains(t, details, `"name":"`+name+`"`)
	}
	_, figures := get(t, http.DefaultClient, s.metrics+"/metrics")
	for _, name := range []string{`ebr_request_seconds_bucket{method="GET",route="/first",status="200"`, "ebr_acts_total", `ebr_check{check="clock"} 1`, "ebr_certificate_end_timestamp_seconds",
		`ebr_sessions{state="open"}`, `ebr_database_connections{state="most"} 32`, "ebr_job_last_success_timestamp_seconds"} {
		require.Contains(t, figures, name)
	}
	first := answer.TLS.PeerCertificates[0].Raw
	s.interrupt(t, state)
	for line := range strings.Lines(s.said()) {
		if strings.HasPrefix(line, "{") {
			require.True(t, json.Valid([]byte(line)), line)
		}
	}
	require.Contains(t, s.said(), `"route":"/first"`)
	again := serve(t, state, "--tls-own", "--host-name", "plant7")
	answer, _ = get(t, station, again.url+"/first")
	require.Equal(t, first, answer.TLS.PeerCertificates[0].Raw)
	again.interrupt(t, state)
}

// pair writes a certificate for 127.0.0.1 and its key.
func pair(t *testing.T, folder string, serial int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	c := &x509.Certificate{SerialNumber: big.NewInt(serial), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(48 * time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "cert.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
}

// A given certificate is exchanged under a running server: open connections stay, new ones get the new one, a bad one changes nothing and is an incident.
func TestGivenCertificateIsExchangedUnderARunningServer(t *testing.T) {
	t.Parallel()
	state, folder := stateFolder(t), t.TempDir()
	_, errs, code := ebr("serve", "--state", state, "--listen", "127.0.0.1:0", "--tls-cert", "c.pem")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "both --tls-cert and --tls-key")
	pair(t, folder, 1)
	s := serve(t, state, "--tls-cert", filepath.Join(folder, "cert.pem"), "--tls-key", filepath.Join(folder, "key.pem"))
	address := strings.TrimPrefix(s.url, "https://")
	dial := func() *tls.Conn {
		conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 20 * time.Second}, "tcp", address, &tls.Config{InsecureSkipVerify: true}) //nolint // which one it is is under test
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	serial := func() int64 { return dial().ConnectionState().PeerCertificates[0].SerialNumber.Int64() }
	open := dial()
	ask := func() {
		_, err := fmt.Fprintf(open, "GET /healthz HTTP/1.1\r\nHost: %s\r\n\r\n", address)
		require.NoError(t, err)
		answer, err := http.ReadResponse(bufio.NewReader(open), nil)
		require.NoError(t, err)
		_, _ = io.Copy(io.Discard, answer.Body)
		require.Equal(t, 200, answer.StatusCode)
	}
	ask()
	require.EqualValues(t, 1, serial())
	pair(t, folder, 2)
	require.NoError(t, s.Process.Signal(syscall.SIGHUP))
	require.Eventually(t, func() bool { return serial() == 2 }, 30*time.Second, 50*time.Millisecond)
	ask()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "cert.pem"), []byte("half a cert"), 0o600))
	require.NoError(t, s.Process.Signal(syscall.SIGHUP))
	require.Eventually(t, func() bool { return strings.Contains(s.said(), "the new certificate is not used") }, 30*time.Second, 50*time.Millisecond)
	require.EqualValues(t, 2, serial())
	ask()
	s.interrupt(t, state)
}

// A stopping server says so, finishes what is under way and answers it, sends new requests away with the time to come again, and then ends itself and its
// database.
func TestDrain(t *testing.T) {
	t.Parallel()
	state := stateFolder(t)
	s := serve(t, state, "--metrics", "127.0.0.1:0")
	begin := func(path string) (read, finish func() *http.Response) {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		form := "user_name=nobody&password=wrong"
		_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: plant\r\nContent-Type: application/x-www-form-urlencoded\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n%s", path, len(form), form[:10])
		require.NoError(t, err)
		from := bufio.NewReader(conn)
		read = func() *http.Response {
			answer, err := http.ReadResponse(from, nil)
			require.NoError(t, err)
			return answer
		}
		return read, func() *http.Response {
			_, err = conn.Write([]byte(form[10:]))
			require.NoError(t, err)
			return read()
		}
	}
	read, finish := begin("/first")
	require.Equal(t, 100, read().StatusCode, "the handler waits for the rest")
	require.NoError(t, s.Process.Signal(syscall.SIGTERM))
	require.Eventually(t, func() bool {
		answer, body := get(t, http.DefaultClient, s.metrics+"/readyz")
		return answer.StatusCode == 503 && strings.Contains(body, "stopping")
	}, 20*time.Second, 20*time.Millisecond)
	for path, kind := range map[string]string{"/first": "text/plain; charset=utf-8", "/api/v1/session": "application/problem+json"} {
		require.Eventually(t, func() bool {
			answer, body := get(t, http.DefaultClient, s.url+path)
			return answer.StatusCode == 503 && answer.Header.Get("Retry-After") == "10" && answer.Header.Get("Content-Type") == kind && strings.Contains(body, "Nothing was saved")
		}, 20*time.Second, 20*time.Millisecond, path)
	}
	_, finishLate := begin("/first")
	late := finishLate()
	require.Equal(t, 503, late.StatusCode)
	_, body := get(t, http.DefaultClient, s.url+"/healthz")
	require.Contains(t, body, "ok")
	answer := finish()
	require.Equal(t, 422, answer.StatusCode, "it was answered whole")
	_, err := io.Copy(io.Discard, answer.Body)
	require.NoError(t, err)
	require.NoError(t, s.wait(t))
}
