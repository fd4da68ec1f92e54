package web_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// programs are the sentences about programs that use the JSON API. {batch} in an address is the batch of the script.
var programs = []sentence{
	on(act, `Ada makes a token for (\S+) that may do ((?:\S+ ?)+)`, func(s *script, a []string) {
		s.as("Ada")
		s.secret = s.makeToken(s.now, a[0], strings.Fields(a[1])...)
	}),
	on(act, `(Quinn|Sue) approves the token`, func(s *script, a []string) {
		s.as(a[0])
		s.approveToken(s.people[a[0]])
	}),
	on(act, `Ada revokes the token because TEXT`, func(s *script, a []string) {
		s.as("Ada")
		s.now.open("/tokens")
		for id := range s.now.at.forms {
			if strings.HasPrefix(id, "revoke-") {
				s.now.send(id, map[string]string{"reason": a[0]})
				return
			}
		}
		require.Fail(s.t, "no token can be revoked", s.pageText())
	}),
	on(act, `SHE hands the machine over to (\w+)`, func(s *script, a []string) {
		s.onMachine("hand-over-", map[string]string{"person": s.people[a[0]].ID, "reason": "as agreed"})
	}),
	on(act, `SHE closes the machine`, func(s *script, _ []string) { s.onMachine("close-", map[string]string{"reason": "as agreed"}) }),
	on(fact, `a program of (\w+) that sends (\{.*\}) to (\S+) is answered (\d+)(?:: "([^"]+)")?`, func(s *script, a []string) {
		s.answered(s.people[a[0]].Token, a[1:])
	}),
	on(fact, `the machine that sends (\{.*\}) to (\S+) is answered (\d+)(?:: "([^"]+)")?`, func(s *script, a []string) { s.answered(s.secret, a) }),
	on(fact, `the page shows no secret`, func(s *script, _ []string) {
		require.NotEmpty(s.t, s.secret)
		require.NotContains(s.t, s.now.open("/tokens").raw, s.secret)
		require.NotContains(s.t, s.log.text(), s.secret)
	}),
}

// onMachine sends the first form of a kind that the page of the machines offers.
func (s *script) onMachine(form string, fill map[string]string) {
	s.t.Helper()
	s.now.open("/tokens")
	for id := range s.now.at.forms {
		if strings.HasPrefix(id, form) {
			s.now.send(id, fill)
			return
		}
	}
	require.Fail(s.t, "no machine has such a form", s.pageText())
}

// answered sends a body by the API and holds the answer against what the script says.
func (s *script) answered(token string, a []string) {
	s.t.Helper()
	c := &client{t: s.t, base: s.server.URL, token: token}
	answer := c.post(strings.ReplaceAll(a[1], "{batch}", strings.TrimPrefix(s.batch, "/batches/")), a[0])
	status, err := strconv.Atoi(a[2])
	require.NoError(s.t, err)
	require.Equal(s.t, status, answer.status, answer.raw)
	require.Contains(s.t, answer.raw, a[3])
}

// The walk of docs/api.md is played as it stands there.
func TestWalkThroughTheAPI(t *testing.T) {
	page, err := os.ReadFile("../docs/api.md")
	require.NoError(t, err)
	var lines []string
	for line := range strings.SplitSeq(string(page), "\n") {
		if command, ok := strings.CutPrefix(line, "    "); ok {
			lines = append(lines, command)
		}
	}
	require.Greater(t, len(lines), 10)
	s := newScript(t)
	s.prepareBatch("running")
	s.doSteps("010", "030")
	sven := s.people["Sven"]
	granted := s.client(s.people["Ada"]).post("/people/"+sven.ID+"/grant", map[string]any{"role": "operator", "reason": "records and aborts in one walk"})
	require.Equal(t, 200, granted.status, granted.raw)
	place := t.TempDir()
	walk := strings.Replace(strings.Join(lines, "\n"), "http://127.0.0.1:8080", s.server.URL, 1)
	cmd := exec.Command("bash", "-eu", "-o", "pipefail", "-c", strings.ReplaceAll(walk, "curl -sS ", "curl -sS --fail-with-body "))
	cmd.Env = append(os.Environ(), "NAME="+sven.UserName, "PASSWORD="+sven.Password, "BATCH="+strings.TrimPrefix(s.batch, "/batches/"), "VALUE=net", "READING=13.85")
	cmd.Dir = place
	cmd.Args[len(cmd.Args)-1] = strings.Replace(cmd.Args[len(cmd.Args)-1], "ASKED=$(curl -sS --fail-with-body", "ASKED=$(curl -sS", 1) // 428 is the answer there
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), `"act":"step.comment"`)
	require.Contains(t, string(out), `"act":"step.record"`)
	require.Len(t, s.plant.entries(t, "batch.abort"), 1)
	require.FileExists(t, filepath.Join(place, "record.pdf"))
}
