package signatures_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/signatures"
	"veribatch/signatures/configuration/versions"
	"veribatch/signatures/signtest"
)

// signed takes a ticket, with the password alone when no user name is given, and uses it.
func (p *plant) signed(at signtest.Person, userName, password string) (signatures.Signature, error) {
	st := p.shown(p.one, "step.perform", "performed")
	ticket, err := p.Desk.Issue(p.Ctx, signatures.Request{Session: at.Token, UserName: userName, Password: password, Statement: st})
	if err != nil {
		return signatures.Signature{}, err
	}
	return p.use(at.Token, ticket, p.one, "step.perform", "performed")
}

func components(t *testing.T, s signatures.Signature) string {
	t.Helper()
	var m signatures.Manifest
	require.NoError(t, json.Unmarshal(s.Manifest, &m))
	return m.Components
}

// In a series the first signature asks for both components and the following ones for the password; a lock ends it (21 CFR 11.200(a)(1)(i)).
func TestASeriesOfSignatures(t *testing.T) {
	t.Parallel()
	p := setup(t)
	wrong := func(why string) {
		t.Helper()
		_, err := p.signed(p.anna, "", p.anna.Password)
		require.Equal(t, fault.Unauthenticated, fault.KindOf(err), why)
	}
	w, err := p.signed(p.anna, p.anna.UserName, p.anna.Password)
	require.NoError(t, err)
	require.Empty(t, components(t, w))
	wrong("off by default")
	p.Configure(versions.Propose{SeriesSigning: "on"})
	p.anna.Token = p.LogIn(p.anna, p.Station)
	wrong("the first one takes both")

	_, err = p.signed(p.anna, p.ben.UserName, p.ben.Password)
	require.NoError(t, err)
	wrong("another person's signature begins no series")
	_, err = p.signed(p.anna, p.anna.UserName, p.anna.Password)
	require.NoError(t, err)
	s, err := p.signed(p.anna, "", p.anna.Password)
	require.NoError(t, err)
	require.Equal(t, "password", components(t, s))
	require.Equal(t, p.anna.ID, s.Person)
	_, err = p.signed(p.anna, "", p.ben.Password)
	requireFault(t, err, fault.Unauthenticated, "User name or password is wrong")
	other, err := p.signed(p.anna, p.ben.UserName, p.ben.Password)
	require.NoError(t, err)
	require.Empty(t, components(t, other))

	require.NoError(t, p.Gate.Lock(p.Ctx, p.anna.Token, ""))
	require.NoError(t, p.Gate.Unlock(p.Ctx, p.anna.Token, p.anna.Password))
	wrong("a lock ends the series")
	_, err = p.signed(p.anna, p.anna.UserName, p.anna.Password)
	require.NoError(t, err)

	// A ticket of the series is worth nothing once the series is over, or switched off.
	st := p.shown(p.one, "step.perform", "performed")
	ticket, err := p.Desk.Issue(p.Ctx, signatures.Request{Session: p.anna.Token, Password: p.anna.Password, Statement: st})
	require.NoError(t, err)
	late, err := p.Desk.Issue(p.Ctx, signatures.Request{Session: p.anna.Token, Password: p.anna.Password, Statement: st})
	require.NoError(t, err)
	require.NoError(t, p.Gate.Lock(p.Ctx, p.anna.Token, ""))
	require.NoError(t, p.Gate.Unlock(p.Ctx, p.anna.Token, p.anna.Password))
	_, err = p.use(p.anna.Token, ticket, p.one, "step.perform", "performed")
	requireFault(t, err, fault.Refused, "The series of signatures has ended")
	_, err = p.signed(p.anna, p.anna.UserName, p.anna.Password)
	require.NoError(t, err)
	p.Configure(versions.Propose{SeriesSigning: "off"})
	_, err = p.use(p.anna.Token, late, p.one, "step.perform", "performed")
	requireFault(t, err, fault.Refused, "The series of signatures has ended")
	wrong("switched off")

	var alone int
	for _, row := range p.Entries(audit.Stream("station/"+p.one), "step.perform") {
		if row.Details["components"] == "password alone, in series" {
			alone++
		}
	}
	require.Equal(t, 1, alone)
	require.NoError(t, p.Trail.Read(p.Ctx, func(r *audit.Reader) error {
		_, err := signatures.VerifyAll(p.Ctx, r, func(id string, why error) { t.Errorf("%s: %v", id, why) })
		return err
	}))
}
