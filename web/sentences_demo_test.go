package web_test

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/stretchr/testify/require"

	"veribatch/web"
)

const demoBanner = "Demo plant: nothing here is a real record"

// demonstrations speak of the plant that is only for trying out.
var demonstrations = []sentence{
	on(setting, `the plant is a demo plant`, func(s *script, _ []string) {
		site, err := web.New(web.Config{
			Trail: s.Trail, Gate: s.Gate, Desk: s.Desk, Keyring: s.Desk.Key, Log: quiet(), Site: "Test plant", Version: "test", Zone: zone,
			Demo: []web.DemoPerson{{UserName: "olga.berg", FullName: "Olga Berg", Role: "operator", Password: "as listed"}},
		})
		require.NoError(s.t, err)
		s.server.Close()
		s.server = httptest.NewServer(site)
		s.visitors, s.now, s.who = map[string]*visitor{}, nil, ""
	}),
	on(fact, `every page says to (\w+) that nothing here is a real record`, func(s *script, a []string) {
		require.Contains(s.t, newVisitor(s.t, s.server).open("/login").text, demoBanner)
		s.as(a[0])
		seen := 0
		for _, r := range web.Routes() {
			if r.Method != "GET" || strings.HasSuffix(r.Path, ".pdf") || strings.HasPrefix(r.Path, "/trail/entries.") || strings.Contains(r.Path, "/exports/") || strings.HasSuffix(r.Path, "/text") { // files
				continue
			}
			at := s.now.open(s.address(r.Path)) // a refusal is a page too
			require.Contains(s.t, at.text, demoBanner, r.Path)
			seen++
		}
		require.Greater(s.t, seen, 8)
	}),
	on(fact, `every sheet of the printed record says "([^"]+)"`, func(s *script, a []string) {
		path := filepath.Join(s.t.TempDir(), "record.pdf")
		require.NoError(s.t, os.WriteFile(path, []byte(s.now.at.raw), 0o600))
		out, err := exec.Command("pdftotext", "-layout", path, "-").Output()
		require.NoError(s.t, err)
		sheets := strings.Split(strings.TrimSuffix(string(out), "\f"), "\f")
		require.Greater(s.t, len(sheets), 2)
		for i, sheet := range sheets {
			require.Contains(s.t, sheet, a[0], "page %d", i+1)
		}
	}),
}
