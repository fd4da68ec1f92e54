package web_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"veribatch/signatures/configuration/versions"
)

// configurings are the sentences about settings that the quality unit approves.
var configurings = []sentence{
	on(act, `(SHE|[A-Z]\w+) proposes (\w+) (\S+)(?: and (\w+) (\S+))?(?: from (\S+))? because TEXT( here)?`, func(s *script, a []string) {
		fill := map[string]string{a[1]: a[2], "from": a[5], "reason": a[6]}
		if a[3] != "" {
			fill[a[3]] = a[4]
		}
		s.now.open("/configuration")
		s.sign("propose", fill, s.people[s.signer(a[0])], nil)
	}),
	on(act, `SHE asks to propose (\w+) (\S+) because TEXT`, func(s *script, a []string) {
		s.now.open("/configuration")
		s.now.send("propose", map[string]string{a[0]: a[1], "reason": a[2]})
	}),
	on(act, `(SHE|[A-Z]\w+) approves configuration (\d+)( here)?`, func(s *script, a []string) {
		s.now.open("/configuration")
		s.sign("approve-"+a[1], nil, s.people[s.signer(a[0])], nil)
	}),
	on(act, `(SHE|[A-Z]\w+) withdraws configuration (\d+) because TEXT( here)?`, func(s *script, a []string) {
		s.now.open("/configuration")
		s.sign("withdraw-"+a[1], map[string]string{"reason": a[2]}, s.people[s.signer(a[0])], nil)
	}),
	on(setting, `the configuration in force has (\w+) (\S+)(?: and (\w+) (\S+))?`, func(s *script, a []string) {
		s.Configure(proposal(s.t, a...))
	}),
	on(act, `SHE signs with the password alone`, func(s *script, _ []string) {
		require.Contains(s.t, s.pageText(), "in series", "the dialog asks for both")
		s.now.send("sign-form", map[string]string{"password": s.people[s.who].Password})
	}),
}

// proposal makes a proposal from pairs of a setting and its value, by the names that form and API have.
func proposal(t *testing.T, pairs ...string) (c versions.Propose) {
	t.Helper()
	values := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i] != "" {
			values[pairs[i]] = pairs[i+1]
		}
	}
	raw, err := json.Marshal(values)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &c))
	return c
}
