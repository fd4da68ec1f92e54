// Package signtest gives tests a plant with people: a started trail, a gate with cheap passwords, a signing desk, and persons made through
// the program's own doors. It owns no rule, and nothing but tests may import it.
// Start reading at New, then World.Person and World.Ticket.
package signtest

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/internal/pgtest"
	"veribatch/signatures"
	"veribatch/signatures/access"
	"veribatch/signatures/accounts"
	"veribatch/signatures/configuration"
	"veribatch/signatures/configuration/versions"
	"veribatch/signatures/identity"
	"veribatch/signatures/keyring"
)

// Cheap are password parameters that take about a millisecond.
var Cheap = argon2id.Params{Memory: 1 << 10, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// World is a plant on a database of its own.
type World struct {
	T       testing.TB
	Ctx     context.Context
	DB      *pgtest.DB
	Trail   *audit.Trail
	Gate    *identity.Gate
	Desk    signatures.Desk
	Keys    string // folder of the site key
	Station string // id of "Granulation 1"
	Admin   Person
	Checker Person // of QA; has seen everybody's documents

	quality Person // approves configurations
}

// Person is somebody with a password, logged in at the world's station.
type Person struct {
	ID, UserName, FullName, Password string
	Token                            string // of the session
}

// New makes a started plant with one station, one administrator, and the two who checked the first identities. Change sees the settings
// before the gate is made.
func New(t testing.TB, change ...func(*identity.Settings)) *World {
	t.Helper()
	w := Empty(t, change...)
	w.Admin = w.firstAdministrator()
	founder := w.invited("fritz.founder", access.Supervisor)
	w.enrol(&founder)
	w.Checker = w.invited("carla.checker", access.QA)
	w.enrol(&w.Checker)
	w.confirm(founder, w.Checker)
	w.account(w.Checker)
	return w
}

// Empty makes a started plant with one station and nobody in it.
func Empty(t testing.TB, change ...func(*identity.Settings)) *World {
	t.Helper()
	w := &World{T: t, Ctx: context.Background(), DB: pgtest.New(t)}
	trail, err := audit.Open(w.Ctx, w.DB.AppDSN)
	require.NoError(t, err)
	t.Cleanup(trail.Close)
	trail.Check = access.Check
	w.Trail = trail
	require.NoError(t, trail.Start(w.Ctx, map[string]string{"policy": access.Digest()}))
	settings := identity.Settings{Params: Cheap}
	for _, c := range change {
		c(&settings)
	}
	w.Keys = t.TempDir()
	key, err := keyring.Open(w.Keys)
	require.NoError(t, err)
	w.Gate, err = identity.New(trail, key, settings)
	require.NoError(t, err)
	_, err = signatures.RegisterKey(w.Ctx, trail, key, false)
	require.NoError(t, err)
	w.Desk = signatures.Desk{Trail: trail, Gate: w.Gate, Key: key, Zone: time.FixedZone("", 3600)}
	w.Station = w.AddStation("Granulation 1")
	return w
}

const insertStation = `insert into ebr.stations (id, name) values (@id, @name)`

// AddStation registers a station and gives its id.
func (w *World) AddStation(name string) string {
	w.T.Helper()
	id := audit.NewID()
	in := audit.Intent{Session: w.Trail.System(), Act: "station.register", Home: identity.StationStream(id)}
	_, err := w.Trail.Change(w.Ctx, in, func(tx *audit.Tx) error {
		_, err := tx.Exec(w.Ctx, insertStation, pgx.NamedArgs{"id": id, "name": name})
		return err
	})
	require.NoError(w.T, err)
	return id
}

func (w *World) firstAdministrator() Person {
	w.T.Helper()
	token, err := w.Gate.FirstToken(w.Ctx)
	require.NoError(w.T, err)
	p := Person{UserName: "ada.first", FullName: "Ada First", Password: passwordOf("ada.first")}
	p.ID, err = w.Gate.CreateFirst(w.Ctx, identity.First{Token: token, UserName: p.UserName, FullName: p.FullName, Password: p.Password})
	require.NoError(w.T, err)
	p.Token = w.LogIn(p, w.Station)
	return p
}

// passwordOf gives each person another password without the name in it.
func passwordOf(userName string) string {
	return fmt.Sprintf("maple river %x tin", userName)
}

// Person makes a person with the roles, through all doors that somebody new passes: account, identity check, password, log-in, accountability
// statement. The user name "anna.keller" gives the printed name "Anna Keller".
func (w *World) Person(userName string, roles ...access.Role) Person {
	w.T.Helper()
	p := w.Newcomer(userName, roles...)
	w.account(p)
	return p
}

// Newcomer makes a person who has not yet signed the accountability statement.
func (w *World) Newcomer(userName string, roles ...access.Role) Person {
	w.T.Helper()
	p := w.invited(userName, roles...)
	w.confirm(w.Checker, p)
	w.enrol(&p)
	return p
}

// invited makes an account without a password, by the administrator.
func (w *World) invited(userName string, roles ...access.Role) Person {
	w.T.Helper()
	words := strings.Split(userName, ".")
	for i, word := range words {
		words[i] = strings.ToUpper(word[:1]) + word[1:]
	}
	p := Person{ID: audit.NewID(), UserName: userName, FullName: strings.Join(words, " "), Password: passwordOf(userName)}
	c := identity.NewPerson{ID: p.ID, UserName: p.UserName, FullName: p.FullName, Roles: roles}
	in := audit.Intent{Session: w.Admin.Token, Act: "person.create", Home: identity.StreamOf(p.ID), Reason: "new in the team"}
	_, err := w.Trail.Change(w.Ctx, in, func(tx *audit.Tx) error { return identity.CreatePerson(w.Ctx, tx, c) })
	require.NoError(w.T, err)
	return p
}

// Invitation gives the open invitation of a person.
func (w *World) Invitation(person string) (i identity.Invitation) {
	w.T.Helper()
	require.NoError(w.T, w.Trail.Read(w.Ctx, func(r *audit.Reader) (err error) {
		i, _, err = identity.OpenInvitation(w.Ctx, r, person)
		return err
	}))
	return i
}

// enrol sets the password with both halves of the invitation, and logs in.
func (w *World) enrol(p *Person) {
	w.T.Helper()
	i := w.Invitation(p.ID)
	require.NoError(w.T, w.Gate.Enrol(w.Ctx, w.Desk.Key, i.Link(w.Desk.Key), i.Code(w.Desk.Key), p.Password))
	p.Token = w.LogIn(*p, w.Station)
}

// confirm has the checker confirm the identity of a person, and account has a person sign the accountability statement.
func (w *World) confirm(checker, p Person) {
	w.T.Helper()
	require.NoError(w.T, w.Sign(checker, accounts.ConfirmIdentity{Person: p.ID, Document: accounts.Documents()[0], CheckedOn: time.Now().UTC().Format(time.DateOnly)}))
}

func (w *World) account(p Person) {
	w.T.Helper()
	require.NoError(w.T, w.Sign(p, accounts.Sign{Number: 1}))
}

// Ready lets somebody sign who has a password: identity check and accountability statement.
func (w *World) Ready(p Person) {
	w.T.Helper()
	w.confirm(w.Checker, p)
	w.account(p)
}

// SetRoles makes these the roles of the person, by the administrator.
func (w *World) SetRoles(person string, roles ...access.Role) error {
	in := audit.Intent{Session: w.Admin.Token, Act: "person.roles", Home: identity.StreamOf(person), Reason: "another job"}
	_, err := w.Trail.Change(w.Ctx, in, func(tx *audit.Tx) error { return access.SetRoles(w.Ctx, tx, person, roles) })
	return err
}

// LogIn opens a session and gives its token.
func (w *World) LogIn(p Person, station string) string {
	w.T.Helper()
	s, err := w.Gate.LogIn(w.Ctx, p.UserName, p.Password, station)
	require.NoError(w.T, err)
	return s.Token
}

// Configure puts a configuration into force through the two signatures that it takes: one person of QA proposes, another approves.
func (w *World) Configure(c versions.Propose) {
	w.T.Helper()
	if w.quality.ID == "" {
		w.quality = w.Person("conny.quality", access.QA)
	}
	c.Reason = "for a test"
	require.NoError(w.T, w.Trail.Read(w.Ctx, func(r *audit.Reader) error {
		s, err := configuration.Read(w.Ctx, r)
		c.Seen = s.Version
		return err
	}))
	receipt, err := w.SignAt(w.Checker, w.Checker, c)
	require.NoError(w.T, err)
	var made versions.Result
	require.NoError(w.T, json.Unmarshal(receipt.Result, &made))
	require.NoError(w.T, w.Sign(w.quality, versions.Approve(made)))
}

// Entries gives the entries of a subject, oldest first, with those of the filter's act only when it is named.
func (w *World) Entries(subject audit.Stream, act string) []audit.Row {
	w.T.Helper()
	var rows []audit.Row
	err := w.Trail.Read(w.Ctx, func(r *audit.Reader) (err error) {
		rows, err = audit.History(w.Ctx, r, audit.Filter{Subject: subject, Act: act, Oldest: true, Limit: 500})
		return err
	})
	require.NoError(w.T, err)
	return rows
}
