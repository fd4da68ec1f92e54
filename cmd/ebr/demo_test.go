package main_test

import (
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"testing"
)

// textOf gives a page as the browser gets it.
func textOf(t *testing.T, url string) string {
	t.Helper()
	answer, err := http.Get(url)
	check(t, err)
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	check(t, err)
	return string(raw)
}

// The demo plant is made once, in an empty database; it agrees with its trail, and it stays a demo plant when it is served without the flag.
func TestDemoPlant(t *testing.T) {
	t.Parallel()
	state := stateFolder(t)
	first := serve(t, state, "--demo")
	t.Logf("first page of the demo plant after %v", first.ready)
	for _, want := range []string{"Demo plant: nothing here is a real record", "Olga Brandt, operator", "Ada Okafor, administrator"} {
		if !strings.Contains(textOf(t, first.url+"/login"), want) {
			t.Errorf("the log-in page does not say %q", want)
		}
	}
	first.interrupt(t, state)
	report := verified(t, state)
	again := serve(t, state, "--demo")
	again.interrupt(t, state)
	if after := verified(t, state); strings.Fields(after)[6] != strings.Fields(report)[6] {
		t.Errorf("the second start filled the plant again: %s before, %s after", report, after)
	}
	plain := serve(t, state)
	if !strings.Contains(textOf(t, plain.url+"/login"), "Demo plant") {
		t.Error("without the flag the demo plant looks like a real one")
	}
	plain.interrupt(t, state)
}

// verified runs ebr verify and gives its first line; it counts record rows in its seventh word.
func verified(t *testing.T, state string) string {
	t.Helper()
	out, err := exec.Command(program, "verify", "--state", state).CombinedOutput()
	if err != nil {
		t.Fatalf("ebr verify: %v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "record rows") {
			return line
		}
	}
	t.Fatalf("ebr verify counted nothing: %s", out)
	return ""
}

// makeFirst makes the first administrator with the token that the server printed.
func makeFirst(t *testing.T, s *server) {
	t.Helper()
	answer, err := http.PostForm(s.url+"/first", url.Values{
		"token": {s.token}, "user_name": {"nora.first"}, "full_name": {"Nora First"}, "station": {"Office"}, "password": {"maple river 17 tin"}, "again": {"maple river 17 tin"},
	})
	check(t, err)
	defer answer.Body.Close()
	if answer.StatusCode >= 400 {
		t.Fatalf("make the first administrator: %s", answer.Status)
	}
}

// A plant with people of its own is never turned into a demo.
func TestDemoRefusesAPlantWithPeople(t *testing.T) {
	t.Parallel()
	state := stateFolder(t)
	s := serve(t, state)
	makeFirst(t, s)
	s.interrupt(t, state)
	out, err := exec.Command(program, "serve", "--demo", "--state", state, "--listen", "127.0.0.1:0").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "this one has people already") {
		t.Errorf("--demo over a plant with people: %v\n%s", err, out)
	}
}
