package web

import (
	"net/http"
	"time"

	"veribatch/internal/fault"
	"veribatch/signatures/identity"
)

// nothing is the body or the answer of an act that needs none.
type nothing struct{}

// opening is what a person gives to open a session.
type opening struct {
	UserName   string `json:"user_name"`
	Password   string `json:"password"`
	Station    string `json:"station,omitempty" doc:"name of a new station, as on its label; only where station_key is not known yet"`
	StationKey string `json:"station_key,omitempty" doc:"what the first session at this station gave: keep it, it says which station this is"`
}

// opened is a session as its owner gets it, once.
type opened struct {
	Token      string    `json:"token" doc:"secret: send it as Authorization: Bearer, keep it nowhere else"`
	Session    string    `json:"session" doc:"id, no secret"`
	Person     string    `json:"person" doc:"id"`
	UserName   string    `json:"user_name"`
	FullName   string    `json:"full_name"`
	Station    string    `json:"station" doc:"id"`
	Name       string    `json:"station_name"`
	StationKey string    `json:"station_key" doc:"keep it for the next session at this station"`
	OpenedAt   time.Time `json:"opened_at"`
	Idle       int       `json:"idle_seconds" doc:"the session locks after so long without a request"`
	MustChange bool      `json:"must_change_password" doc:"nothing else works before session/password"`
}

// first is what makes the first administrator.
type first struct {
	Token    string `json:"token" doc:"the one-time token that the server printed"`
	UserName string `json:"user_name"`
	FullName string `json:"full_name"`
	Password string `json:"password"`
	Station  string `json:"station" doc:"name of the station at which this is, as on its label. Up to 60 characters"`
}

type password struct {
	Password string `json:"password"`
}

type passwords struct {
	Password    string `json:"password" doc:"the present one"`
	NewPassword string `json:"new_password"`
}

// sessionState is a session as its owner sees it.
type sessionState struct {
	Session    string `json:"session" doc:"id, no secret"`
	Person     string `json:"person" doc:"id"`
	UserName   string `json:"user_name"`
	FullName   string `json:"full_name"`
	Station    string `json:"station_name"`
	Locked     bool   `json:"locked"`
	MustChange bool   `json:"must_change_password"`
}

// sessionOperations are the acts on the session and the own account.
func (s *server) sessionOperations(t *table) {
	told(t, "/session/open", "session.open", s.apiOpen).anyone = true
	told(t, "/first", "person.create", s.apiFirst).anyone = true
	told(t, "/session/lock", "session.lock", func(v *visit, _ nothing) (sessionState, error) {
		if v.who.Locked {
			return v.sessionNow()
		}
		return v.sessionAfter(s.Gate.Lock(v.ctx, v.who.Token, ""))
	}).locked = true
	told(t, "/session/unlock", "session.unlock", func(v *visit, in password) (sessionState, error) {
		wrong, err := s.uncover(v, in.Password)
		if wrong != nil { // 403: the token is good, the password is not
			err = &unread{http.StatusForbidden, fault.As(wrong)}
		}
		return v.sessionAfter(err)
	}).locked = true
	told(t, "/session/close", "session.close", func(v *visit, _ nothing) (nothing, error) { return nothing{}, s.Gate.LogOut(v.ctx, v.who.Token) }).locked = true
	told(t, "/session/password", "password.change", func(v *visit, in passwords) (sessionState, error) {
		err := s.newPassword(v, in.Password, in.NewPassword)
		if fault.KindOf(err) == fault.Unauthenticated {
			err = &unread{http.StatusForbidden, fault.As(err)}
		}
		return v.sessionAfter(err)
	})
}

func (v *visit) sessionAfter(err error) (sessionState, error) {
	if err != nil {
		return sessionState{}, err
	}
	return v.sessionNow()
}

func (v *visit) sessionNow() (sessionState, error) {
	w, err := v.s.Gate.Peek(v.ctx, v.who.Token)
	return sessionState{w.ID, w.Person, w.UserName, w.FullName, w.StationName, w.Locked, w.MustChange}, err
}

// apiOpen opens a session of a person at a station, as the log-in page does.
func (s *server) apiOpen(v *visit, in opening) (opened, error) {
	if in.StationKey != "" {
		v.station = s.unmarked(in.StationKey)
		if _, err := s.stationName(v); err != nil {
			return opened{}, err
		}
		if v.station == "" {
			return opened{}, fault.At("station_key", "This is not the key of a station of this plant. Leave it out and name the station.")
		}
	}
	w, err := s.openSession(v, in.UserName, in.Password, in.Station)
	return s.openedAs(w), err
}

func (s *server) openedAs(w identity.Session) opened {
	return opened{
		Token: w.Token, Session: w.ID, Person: w.Person, UserName: w.UserName, FullName: w.FullName, Station: w.Station, Name: w.StationName,
		StationKey: s.marked(w.Station), OpenedAt: w.OpenedAt, Idle: int(w.Idle.Seconds()), MustChange: w.MustChange,
	}
}

// apiFirst makes the first administrator and opens a session.
func (s *server) apiFirst(v *visit, in first) (opened, error) {
	if _, err := identity.ParseStationName(in.Station); err != nil {
		return opened{}, err
	}
	if _, err := s.Gate.CreateFirst(v.ctx, identity.First{Token: in.Token, UserName: in.UserName, FullName: in.FullName, Password: in.Password}); err != nil {
		return opened{}, err
	}
	w, err := s.openSession(v, in.UserName, in.Password, in.Station)
	return s.openedAs(w), err
}
