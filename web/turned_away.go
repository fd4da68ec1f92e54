package web

import (
	"errors"
	"net/http"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/signatures/identity"
)

// outsidePerMinute is how many refusals of one client without a session are looked at in a minute. The trail gets the 1st, 2nd, 3rd, 10th, 100th ... of
// them; beyond this bound they are not even counted, so that a flood from outside writes little.
const outsidePerMinute = 60

// asksIn tells whether the request only asks for a page. Who is not logged in, or whose station is locked, is then shown the door and may
// come in by it: nothing was refused. Everything else that is turned away is a refused act.
func (v *visit) asksIn() bool {
	method := v.c.Request().Method
	return v.route.api == nil && (method == http.MethodGet || method == http.MethodHead)
}

// shut enters what was tried with the secret of a session (token; "" for none) that opens nothing: at its station and about its person if there
// ever was such a session, and otherwise about the client. It gives the reason back.
func (v *visit) shut(token string, why error) error {
	if fault.KindOf(why) != fault.Unauthenticated {
		return why
	}
	past, err := v.s.Gate.Past(v.ctx, token)
	switch {
	case err != nil:
		return errors.Join(why, err)
	case past.Person == "" && v.asksIn(), past.Active && v.asksIn(): // of an account that was closed, a look is refused as well
		return why
	case past.Person == "":
		return v.refuseOutside(why)
	}
	return errors.Join(why, v.s.Trail.RefuseEnded(v.ctx, v.triedBy(token, past.Station, past.Person), why))
}

var (
	errLocked      = fault.New(fault.Unauthenticated, "This session is locked. Unlock it with the password.")
	errOldPassword = fault.New(fault.Forbidden, "This password has to be changed before you go on.")
)

// barred says why the session that was found opens nothing but unlocking, leaving and a new password now; nil when it opens what it is for.
func (v *visit) barred() error {
	switch {
	case v.who.Locked && !v.route.locked:
		return errLocked
	case v.who.MustChange && !v.route.own():
		return errOldPassword
	}
	return nil
}

// refuseHere enters why the session that was found may not do this now: it is locked, or its person has to set a new password first.
func (v *visit) refuseHere(why error) error {
	if v.asksIn() {
		return nil
	}
	return v.s.Trail.RefuseEnded(v.ctx, v.triedBy(v.who.Token, v.who.Station, v.who.Person), why)
}

func (v *visit) triedBy(token, station, person string) audit.Intent {
	return audit.Intent{Session: token, Act: v.route.Act, Home: identity.StationStream(station), Also: append([]audit.Stream{identity.StreamOf(person)}, v.subject()...)}
}

// refuseOutside enters, in bursts, what somebody without any session tried: at the known station of the browser, otherwise at the server's own.
// The record that the address names is left out of the subjects, since anybody can write any address.
func (v *visit) refuseOutside(why error) error {
	client := v.c.RealIP()
	allowed, news := v.s.outside.take(client)
	if !allowed && !news {
		return why
	}
	tried := fault.New(fault.Unauthenticated, "%s Sent from %s to %s %s.", fault.As(why).Message, client, v.route.Method, v.route.Path)
	if news {
		tried = fault.New(fault.Unauthenticated, "More than %d requests in a minute without a session from %s. Further ones are refused and not counted.", outsidePerMinute, client)
	}
	station := audit.SystemStation
	if v.station != "" {
		station = v.station
	}
	in := audit.Intent{Session: v.s.Trail.System(), Act: v.route.Act, Home: identity.StationStream(station)}
	return errors.Join(why, v.s.Trail.RefuseAt(v.ctx, in, station, tried))
}
