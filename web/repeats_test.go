package web_test

import (
	"net/http"
	"net/url"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// A form that a browser sends again and again, because its answer was lost, is one act: every sending gets the same answer.
func TestOneFormSentManyTimes(t *testing.T) {
	s := newScript(t)
	s.prepareBatch("running")
	s.doSteps("010", "030")
	s.as("Olga")
	s.now.open(s.batch + "/steps/040")
	form := s.now.at.forms["record"]
	form.fields.Set("value", "13.85")
	before := s.countEntries()
	answers := make([]string, 32)
	var wait sync.WaitGroup
	for i := range answers {
		wait.Go(func() {
			client := &http.Client{Jar: s.now.client.Jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
			answer, err := client.PostForm(s.server.URL+form.action, form.fields)
			if err == nil {
				answers[i] = answer.Status + " " + answer.Header.Get("Location")
				err = answer.Body.Close()
			}
			if err != nil {
				answers[i] = err.Error()
			}
		})
	}
	wait.Wait()
	for _, a := range answers {
		require.Equal(t, "303 See Other "+s.batch+"/steps/040", a)
	}
	require.Equal(t, before+1, s.countEntries())
}

// A signed form that is sent again after its act is done answers from the request key: the password is not asked again, nothing is signed twice.
func TestSignedFormSentAgain(t *testing.T) {
	s := newScript(t)
	s.prepareBatch("running")
	s.doSteps("010", "020")
	s.as("Olga")
	s.record("030", "container", map[string]string{"value": "NAH2PO4"})
	s.sign("perform", nil, s.people["Olga"], nil)
	require.Equal(t, 200, s.now.at.status, s.pageText())
	done := s.countEntries()
	again := url.Values{}
	for name, values := range s.now.last.fields {
		again[name] = values
	}
	s.now.post(s.now.last.path, again)
	require.Equal(t, 200, s.now.at.status)
	require.Equal(t, s.batch+"/steps/030", s.now.at.path)
	again.Set("password", "not the password at all")
	s.now.post(s.now.last.path, again)
	require.Equal(t, 200, s.now.at.status, "the answer comes from the key, not from the password")
	require.Equal(t, done, s.countEntries())
}
