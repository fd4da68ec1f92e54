package web_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/signatures/access"
	"veribatch/signatures/identity"
)

// A screen may be covered before the server heard of it: what uncovers it is the password, never the state of the session.
func TestUnlockAsksForThePasswordOfAnOpenSessionToo(t *testing.T) {
	p := newPlant(t, time.Minute)
	olga := p.person("olga.berg", access.Operator)
	v := p.visitorAt("Granulation 2", olga)
	unlock := func(password string) *sheet {
		return v.post("/session/unlock", url.Values{"password": {password}, "next": {"/session/password"}})
	}
	require.Equal(t, 200, unlock(olga.Password).status, "the right password")
	require.Equal(t, 423, unlock("any password").status)
	require.Contains(t, v.at.text, "password is wrong")
	entries := p.entries(t, "session.unlock")
	require.Len(t, entries, 1)
	require.True(t, entries[0].Refused)
	require.Equal(t, olga.ID, entries[0].By.Person)
	require.Equal(t, 423, v.open("/session/password").status, "after a wrong password the station is locked")
	require.Equal(t, 423, unlock("").status)
	require.Contains(t, unlock("another one").text, "2 tries are left", "wrong passwords count")
	require.Equal(t, 200, unlock(olga.Password).status)
	require.Equal(t, "/session/password", v.at.path)
}

// What cannot be looked up stands at its field; it is no failure of the system.
func TestTrailFiltersAreReadStrictly(t *testing.T) {
	p := newPlant(t, time.Minute)
	quinn := p.person("quinn.weiss", access.QA)
	v := p.visitorAt("QA office", quinn)
	long := strings.Repeat("a", 5000)
	for _, c := range []struct{ query, field, says string }{
		{"act=%00", "act", "no such act"}, {"act=nothing.done", "act", "no such act"}, {"act=%ff", "act", "no such act"},
		{"batch=x/%00", "batch", "U+0000"}, {"batch=%ff/", "batch", "not UTF-8"}, {"batch=%ff", "batch", "not UTF-8"}, {"batch=%00", "batch", "U+0000"},
		{"batch=recipe/", "batch", "like batch/"}, {"batch=planet/17", "batch", "like batch/"}, {"batch=/", "batch", "like batch/"}, {"batch=" + long, "batch", "longer than"},
		{"person=%00", "person", "U+0000"}, {"person=%ff", "person", "not UTF-8"}, {"person=" + long, "person", "longer than"},
		{"from=%00", "from", "not a day"}, {"to=%ff", "to", "not a day"}, {"to=9999-99-99", "to", "not a day"},
	} {
		v.open("/trail?" + c.query)
		require.Less(t, v.at.status, 500, "%s: %s", c.query[:min(40, len(c.query))], v.at.text)
		require.Contains(t, v.at.wrong["filter-"+c.field], c.says, c.query[:min(40, len(c.query))])
	}
	for _, after := range []string{"%00", "2026-11-20T10:00:00Z x/%00 1", "2026-11-20T10:00:00Z %ff/ 1", "2026-11-20T10:00:00Z batch/%0017 1"} {
		v.open("/trail?after=" + strings.ReplaceAll(after, " ", "+"))
		require.Equal(t, 422, v.at.status, after)
		require.Contains(t, v.at.text, "Open the trail again", after)
	}
	for _, good := range []string{"act=session.open", "batch=station/" + p.Station, "batch=" + url.QueryEscape("batch/"+audit.NewID()), "from=0001-01-01&to=9999-12-31"} {
		v.open("/trail?" + good)
		require.Equal(t, 200, v.at.status, good)
		require.NotContains(t, v.at.raw, `aria-invalid="true"`, good)
	}
	require.NotContains(t, p.log.text(), "reference=", "an incident was logged")
}

// The server makes a station, but who sat there first is on record too.
func TestANewStationNamesWhoLoggedInFirst(t *testing.T) {
	p := newPlant(t, time.Minute)
	olga := p.person("olga.berg", access.Operator)
	p.visitorAt("Drying 1", olga)
	var made *audit.Row
	for _, row := range p.Entries(identity.StreamOf(olga.ID), "station.register") {
		made = &row
	}
	require.NotNil(t, made, "the stream of the person does not show the station")
	require.Equal(t, "Olga Berg (olga.berg)", made.Details["first person"])
}

// Whoever gives name and password signs. Before that the dialog names nobody, also where the one who is logged in usually signs.
func TestTheStatementNamesNoSignerBeforeThePassword(t *testing.T) {
	s := newScript(t)
	s.prepareRecipe("buffer-tour", "draft")
	s.as("Petra")
	s.now.open(s.recipe)
	s.now.send("submit", nil)
	require.NotNil(t, s.now.at.forms["sign-form"], s.pageText())
	_, statement, _ := strings.Cut(s.pageText(), "Meaning authored ")
	require.True(t, strings.HasPrefix(statement, "Signed by the person whose user name and password are given below Time "), statement)
	require.Equal(t, s.people["Petra"].UserName, s.now.at.forms["sign-form"].fields.Get("user_name"), "saves typing")
}
