package web_test

import (
	"net/http"
	"strings"

	"github.com/stretchr/testify/require"
)

// networkings are the sentences about requests that no browser sends by itself.
var networkings = []sentence{
	on(act, `SHE sends a compressed form to TEXT`, func(s *script, a []string) {
		request, err := http.NewRequest(http.MethodPost, s.server.URL+a[0], strings.NewReader("\x1f\x8b"))
		require.NoError(s.t, err)
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.Header.Set("Content-Encoding", "gzip")
		answer, err := s.now.client.Do(request)
		require.NoError(s.t, err)
		s.now.read(answer)
	}),
}
