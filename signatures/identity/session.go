package identity

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/signatures/configuration"
)

// Session is a person at a station.
type Session struct {
	ID          string
	Token       string // the secret that only the browser keeps; never logged, never stored
	Person      string
	UserName    string
	FullName    string
	Station     string // id
	StationName string
	OpenedAt    time.Time
	Locked      bool // the screen asks for the password and does nothing else
	MustChange  bool // the screen asks for a new password and does nothing else

	Idle     time.Duration          // after so long without a touch it locks
	Series   bool                   // series signing is on, and the person has signed with user name and password since the last lock
	Settings configuration.Settings // in force when the session was looked up
	age      time.Duration

	Machine bool     // a machine with a token: it may do Acts in Area, and nothing else
	Acts    []string // of the token
	Area    string

	Reset Reset
}

// Reset tells the owner of an account, in the first days after it, who reset the password and when. By is "" otherwise.
type Reset struct {
	By string
	At time.Time
}

// over says that the session has lasted longer than the configuration lets it.
func (s Session) over() error {
	if s.age <= time.Duration(s.Settings.SessionHours)*time.Hour {
		return nil
	}
	return fault.New(fault.Unauthenticated, "Your session has lasted %d hours and has ended. Log in again.", s.Settings.SessionHours)
}

// StationStream gives the audit stream of a station.
func StationStream(station string) audit.Stream { return audit.Stream("station/" + station) }

// LogIn is LogInFrom by the machine itself.
func (g *Gate) LogIn(ctx context.Context, userName, password, station string) (Session, error) {
	return g.LogInFrom(ctx, "", userName, password, station)
}

// LogInFrom opens a session of the person at the station (21 CFR 11.10(d)); the entry names the network address from which they came. Each wrong password for an existing account is an entry of the
// station; tries with unknown names and on locked accounts are entered in bursts, so that nobody can flood the trail.
func (g *Gate) LogInFrom(ctx context.Context, address, userName, password, station string) (Session, error) {
	if err := g.stationExists(ctx, station); err != nil {
		return Session{}, err
	}
	p, err := g.Prove(ctx, userName, password)
	if err != nil {
		return Session{}, errors.Join(err, g.refuseLogIn(ctx, station, p, err))
	}
	open := &audit.Opening{ID: audit.NewID(), Token: audit.NewToken(), Person: p.Person, Station: station}
	in := audit.Intent{Session: open.Token, Act: "session.open", Home: StationStream(station), Also: []audit.Stream{StreamOf(p.Person)}, Opens: open}
	_, err = g.trail.Change(ctx, in, func(tx *audit.Tx) error {
		if address != "" {
			tx.Note("address", address)
		}
		if err := Confirm(ctx, tx, p.Person, p.CredentialVersion); err != nil {
			return err
		}
		return elsewhere(ctx, tx, p.Person, open.ID)
	})
	if k := fault.KindOf(err); k == fault.Refused || k == fault.Forbidden {
		return Session{}, errors.Join(err, g.refuseLogIn(ctx, station, p, err)) // the session never was: Change has nobody to enter
	}
	if err != nil {
		return Session{}, err
	}
	return g.Peek(ctx, open.Token)
}

const otherStations = `select coalesce(string_agg(distinct t.name, ', ' order by t.name), '') from ebr.sessions s join ebr.stations t on t.id = s.station
	where s.person = @person and s.id <> @session and s.ended_at is null`

// elsewhere looks at the sessions that the person has at other stations: the entry names them, and they end where the configuration says so.
func elsewhere(ctx context.Context, tx *audit.Tx, person, session string) error {
	args := pgx.NamedArgs{"person": person, "session": session, "now": tx.Now()}
	var names string
	if err := tx.QueryRow(ctx, otherStations, args).Scan(&names); err != nil || names == "" {
		return err
	}
	settings, err := configuration.Read(ctx, tx)
	if err != nil || !settings.OneStation {
		tx.Note("also logged in at", names)
		return err
	}
	tx.Note("logged out at", names)
	_, err = tx.Exec(ctx, endOthers, args)
	return err
}

// refuseLogIn enters a refused log-in; the person is named when the typed name exists.
func (g *Gate) refuseLogIn(ctx context.Context, station string, p Proof, why error) error {
	in := audit.Intent{Session: g.trail.System(), Act: "session.open", Home: StationStream(station)}
	if p.Person == "" {
		return g.trail.RefuseAt(ctx, in, station, why)
	}
	in.Also = []audit.Stream{StreamOf(p.Person)}
	if errors.Is(why, errLocked) {
		return g.trail.RefuseAt(ctx, in, station, why)
	}
	return g.trail.RefuseSignature(ctx, in, station, why) // one entry each, as for signatures
}

const stationName = `select name from ebr.stations where id = @station`

func (g *Gate) stationExists(ctx context.Context, station string) error {
	return g.trail.Read(ctx, func(r *audit.Reader) error {
		var name string
		err := r.QueryRow(ctx, stationName, pgx.NamedArgs{"station": station}).Scan(&name)
		if errors.Is(err, pgx.ErrNoRows) {
			return fault.New(fault.Refused, "This station is not registered. Ask your administrator to register it.")
		}
		return err
	})
}

const sessionByToken = `select s.id::text, s.person::text, p.user_name, p.full_name, s.station::text, t.name, s.opened_at, s.locked_at is not null,
	coalesce(c.must_change, true), extract(epoch from clock_timestamp() - s.seen_at)::float8,
	extract(epoch from clock_timestamp() - s.opened_at)::float8, s.series_at is not null, coalesce(r.full_name, ''), coalesce(c.reset_at, 'epoch'),
	coalesce(extract(epoch from clock_timestamp() - c.changed_at), 0)::float8, coalesce(k.number, 0), k.settings
	from ebr.sessions s join ebr.people p on p.id = s.person join ebr.stations t on t.id = s.station left join ebr.credentials c on c.id = s.person
	left join ebr.people r on r.id = c.reset_by and s.opened_at < c.changed_at + interval '7 days' left join ebr.configuration_in_force k on true
	where s.token_digest = sha256(@token) and s.ended_at is null and p.active and p.kind = 'person'`

// Peek looks a session up without counting as activity of the person, for live values that a screen fetches by itself.
func (g *Gate) Peek(ctx context.Context, token string) (Session, error) {
	s, _, err := g.look(ctx, token)
	if err == nil {
		err = s.over()
	}
	return s, err
}

// Past is whose session a token opened once, open or not.
type Past struct {
	Person, Station string // ids; "" when the token never opened one, or so long ago that it is forgotten
	Active          bool   // the account is
}

const sessionEver = `select s.person::text, s.station::text, p.active from ebr.sessions s join ebr.people p on p.id = s.person where s.token_digest = sha256(@token)`

// Past looks up whose token it is that opens nothing (any more), so that the try can be entered.
func (g *Gate) Past(ctx context.Context, token string) (past Past, err error) {
	if token == "" {
		return past, nil
	}
	err = g.trail.Read(ctx, func(r *audit.Reader) error {
		return r.QueryRow(ctx, sessionEver, pgx.NamedArgs{"token": []byte(token)}).Scan(&past.Person, &past.Station, &past.Active)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		err = nil
	}
	return past, err
}

// Find looks a session up by the token of a request. It counts as activity; a session that was idle for too long is locked now, with an
// entry, and stays at its station and step until the same person unlocks it; one that has lasted too long ends now.
func (g *Gate) Find(ctx context.Context, token string) (Session, error) {
	s, quiet, err := g.look(ctx, token)
	if err != nil {
		return s, err
	}
	if over := s.over(); over != nil {
		return Session{}, errors.Join(over, g.move(ctx, token, "session.close", fmt.Sprintf("open for more than %d hours", s.Settings.SessionHours), endSession, nil))
	}
	if s.Locked {
		return s, nil
	}
	if quiet > s.Idle {
		s.Locked = true
		return s, g.Lock(ctx, token, fmt.Sprintf("no activity for %s", quiet.Round(time.Second)))
	}
	if quiet < -oddClock { // nobody can say how long it was idle
		s.Locked = true
		return s, g.Lock(ctx, token, fmt.Sprintf("the clock ran back by %s", -quiet.Round(time.Second)))
	}
	if quiet < s.Idle/50 {
		return s, nil // seen a moment ago: saves a write per request
	}
	return s, g.trail.Operate(ctx, func(op *audit.Op) error {
		_, err := op.Exec(ctx, sessionSeen, pgx.NamedArgs{"session": s.ID})
		return err
	})
}

// oddClock is how far the clock may be set back under a session, as it is to keep it synchronised.
const oddClock = 10 * time.Second

const sessionSeen = `update ebr.sessions set seen_at = clock_timestamp() where id = @session and locked_at is null and ended_at is null`

func (g *Gate) look(ctx context.Context, token string) (s Session, quiet time.Duration, err error) {
	var seconds, age, used float64 // used: since the password was set
	var number int
	var values map[string]string
	err = g.trail.Read(ctx, func(r *audit.Reader) error {
		return r.QueryRow(ctx, sessionByToken, pgx.NamedArgs{"token": []byte(token)}).Scan(&s.ID, &s.Person, &s.UserName, &s.FullName, &s.Station, &s.StationName,
			&s.OpenedAt, &s.Locked, &s.MustChange, &seconds, &age, &s.Series, &s.Reset.By, &s.Reset.At, &used, &number, &values)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return Session{}, 0, fault.New(fault.Unauthenticated, "You are not logged in, or your session has ended. Log in.")
	}
	if err != nil {
		return Session{}, 0, err
	}
	s.Settings, err = configuration.Of(number, values)
	s.Token, s.age, s.Idle = token, time.Duration(age*float64(time.Second)), cmp.Or(g.settings.Idle, time.Duration(s.Settings.IdleMinutes)*time.Minute)
	s.MustChange = s.MustChange || s.Settings.PasswordTooOld(used)
	s.Series = s.Series && s.Settings.SeriesSigning && !s.Locked
	return s, time.Duration(seconds * float64(time.Second)), err
}

const (
	lockSession   = `update ebr.sessions set locked_at = @now, series_at = null where id = @session and locked_at is null and ended_at is null`
	unlockSession = `update ebr.sessions set locked_at = null, seen_at = @now where id = @session and locked_at is not null and ended_at is null`
	endSession    = `update ebr.sessions set ended_at = @now where id = @session and ended_at is null`
	endOthers     = `update ebr.sessions set ended_at = @now where person = @person and id <> @session and ended_at is null`
)

// errAlready ends a change that another request has done already: no entry, no error.
var errAlready = errors.New("identity: already done")

// Lock locks the screen of a session; "" as reason means that the person did it.
func (g *Gate) Lock(ctx context.Context, token, reason string) error {
	return g.move(ctx, token, "session.lock", reason, lockSession, nil)
}

// Unlock opens a locked screen again, for the same person and with the password.
func (g *Gate) Unlock(ctx context.Context, token, password string) error {
	s, err := g.Peek(ctx, token)
	if err != nil {
		return err
	}
	p, err := g.Prove(ctx, s.UserName, password)
	if err != nil {
		in := audit.Intent{Session: token, Act: "session.unlock", Home: StationStream(s.Station), Also: []audit.Stream{StreamOf(s.Person)}}
		return errors.Join(err, g.trail.RefuseSignature(ctx, in, s.Station, err))
	}
	return g.move(ctx, token, "session.unlock", "", unlockSession, func(tx *audit.Tx) error { return Confirm(ctx, tx, p.Person, p.CredentialVersion) })
}

// LogOut ends a session.
func (g *Gate) LogOut(ctx context.Context, token string) error {
	return g.move(ctx, token, "session.close", "", endSession, nil)
}

// move changes the state of a session under an entry of its station.
func (g *Gate) move(ctx context.Context, token, act, reason, sql string, check func(*audit.Tx) error) error {
	s, _, err := g.look(ctx, token)
	if err != nil {
		return err
	}
	in := audit.Intent{Session: token, Act: act, Home: StationStream(s.Station), Also: []audit.Stream{StreamOf(s.Person)}, Reason: reason}
	_, err = g.trail.Change(ctx, in, func(tx *audit.Tx) error {
		if check != nil {
			if err := check(tx); err != nil {
				return err
			}
		}
		tag, err := tx.Exec(ctx, sql, pgx.NamedArgs{"session": s.ID, "now": tx.Now()})
		if err == nil && tag.RowsAffected() == 0 {
			return errAlready
		}
		return err
	})
	if errors.Is(err, errAlready) {
		return nil
	}
	return err
}
