package web_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The JSON test suite of Nicolas Seriot (MIT licence, in the archive): 318 bodies that parsers have stumbled over.
func TestJSONTestSuite(t *testing.T) {
	s := newScript(t)
	s.prepareBatch("running")
	c := s.client(s.people["Olga"])
	suite, err := zip.OpenReader("testdata/JSONTestSuite.zip")
	require.NoError(t, err)
	defer suite.Close()
	before := s.countEntries()
	n := 0
	for _, file := range suite.File {
		name, ok := strings.CutPrefix(file.Name, "test_parsing/")
		if !ok {
			continue
		}
		n++
		r, err := file.Open()
		require.NoError(t, err)
		body, err := io.ReadAll(r)
		require.NoError(t, err)
		for _, path := range []string{"/session/open", "/session/password", s.batch + "/comment", s.batch + "/steps/010/values/none/record", s.batch + "/abort"} {
			a := c.post(path, body)
			require.Less(t, a.status, 500, "%s to %s: %s", name, path, a.raw)
			if strings.HasPrefix(name, "n_") {
				require.GreaterOrEqual(t, a.status, 400, "%s to %s was taken", name, path)
				require.NotEqual(t, 428, a.status, "%s to %s was understood", name, path)
			}
			require.Equal(t, "application/problem+json", a.header.Get("Content-Type"), "%s to %s: %s", name, path, a.raw)
		}
	}
	require.Greater(t, n, 300)
	require.Equal(t, before, s.countEntries(), "something was saved")
}

// Bodies that are too long, cut off, compressed or of another kind are refused at once and read no further than the limit.
func TestBodiesOfAPI(t *testing.T) {
	s := newScript(t)
	s.prepareBatch("running")
	c := s.client(s.people["Olga"])
	path := s.batch + "/comment"
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := w.Write(make([]byte, 64<<20))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	good := `{"comment":"good"}`
	for name, one := range map[string]struct {
		body    any
		headers map[string]string
		status  int
	}{
		"gzip bomb":          {packed.Bytes(), map[string]string{"Content-Encoding": "gzip"}, 415},
		"gzip as JSON":       {packed.Bytes(), nil, 400},
		"form":               {"comment=good", map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, 415},
		"text":               {good, map[string]string{"Content-Type": "text/plain"}, 415},
		"no type":            {good, map[string]string{"Content-Type": ""}, 415},
		"other charset":      {good, map[string]string{"Content-Type": "application/json; charset=utf-16"}, 415},
		"merge patch":        {good, map[string]string{"Content-Type": "application/merge-patch+json"}, 415},
		"huge":               {`{"comment":"` + strings.Repeat("a", 2<<20) + `"}`, nil, 413},
		"deep":               {`{"comment":` + strings.Repeat(`{"a":`, 5000) + `1` + strings.Repeat("}", 5001), nil, 400},
		"no key":             {good, map[string]string{"Idempotency-Key": ""}, 400},
		"key of version 4":   {good, map[string]string{"Idempotency-Key": "8f7d2c56-6f0e-4c55-8f5f-0f4ff0f6a001"}, 400},
		"wrong token":        {good, map[string]string{"Authorization": "Bearer x"}, 401},
		"basic":              {good, map[string]string{"Authorization": "Basic b2xnYTpvbGdh"}, 401},
		"unknown machine":    {good, map[string]string{"Authorization": "Bearer ebr_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}, 401},
		"from another site":  {good, map[string]string{"Sec-Fetch-Site": "cross-site"}, 403},
		"good all the same?": {good, map[string]string{"Content-Type": "application/json; charset=UTF-8"}, 200},
	} {
		if one.status < 400 {
			a := c.send(http.MethodPost, path, one.body, one.headers)
			require.Equal(t, one.status, a.status, "%s: %s", name, a.raw)
			continue
		}
		promptly(t, name, func() (int, string) {
			a := c.send(http.MethodPost, path, one.body, one.headers)
			require.Equal(t, one.status, a.status, "%s: %s", name, a.raw)
			require.Equal(t, "application/problem+json", a.header.Get("Content-Type"), name)
			return a.status, a.raw
		})
	}
	made := 0
	for _, row := range s.plant.entries(t, "step.comment") {
		if !row.Refused {
			made++
		}
	}
	require.Equal(t, 1, made)
	promptly(t, "cut off", func() (int, string) { return s.cutOff(path, c.token), "" })
}

// cutOff announces more than it sends and hangs up its side.
func (s *script) cutOff(path, token string) (status int) {
	s.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.server.URL, "http://"))
	require.NoError(s.t, err)
	defer conn.Close()
	_, err = fmt.Fprintf(conn, "POST /api/v1%s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"comment\":", path, token)
	require.NoError(s.t, err)
	require.NoError(s.t, conn.(*net.TCPConn).CloseWrite())
	require.NoError(s.t, conn.SetReadDeadline(time.Now().Add(20*time.Second)))
	_, err = fmt.Fscanf(conn, "HTTP/1.1 %d", &status)
	require.NoError(s.t, err)
	return status
}
