package main

import (
	"context"
	"fmt"
	"time"

	"veribatch/audit"
	"veribatch/ebr/batch"
	"veribatch/internal/fault"
	"veribatch/recipes"
	"veribatch/recipes/library"
	"veribatch/signatures"
	"veribatch/signatures/access"
	"veribatch/signatures/identity"
	"veribatch/web"
)

// demoReason marks the accounts of the demo plant in the trail; by it the server knows a demo plant again.
const demoReason = "demo plant"

// demoPerson is somebody of the demo plant. The password stands here and on the demo's log-in page, and nowhere else.
type demoPerson struct {
	user, name, password string
	role                 access.Role

	token string // of the session at the demo's own station
}

var demoPeople = []*demoPerson{
	{user: "olga", name: "Olga Brandt", password: "silver birch 41", role: access.Operator},
	{user: "omar", name: "Omar Haddad", password: "copper kettle 58", role: access.Operator},
	{user: "sven", name: "Sven Lindqvist", password: "harbour lamp 23", role: access.Supervisor},
	{user: "petra", name: "Petra Novotná", password: "yellow tram 76", role: access.ProcessEngineer},
	{user: "quinn", name: "Quinn Weiss", password: "granite stair 19", role: access.QA},
	{user: "elena", name: "Elena Rossi", password: "olive window 64", role: access.QualifiedPerson},
	{user: "ada", name: "Ada Okafor", password: "paper lantern 35", role: access.Administrator},
	{user: "yves", name: "Yves Moreau", password: "quiet meadow 87", role: access.Auditor},
}

// demoList is what the log-in page of the demo shows.
func demoList() []web.DemoPerson {
	var list []web.DemoPerson
	for _, p := range demoPeople {
		list = append(list, web.DemoPerson{UserName: p.user, FullName: p.name, Role: p.role.Title(), Password: p.password})
	}
	return list
}

// demo fills an empty plant through the same doors as its people: every recipe and batch in it was signed and stands in the trail.
type demo struct {
	ctx    context.Context
	trail  *audit.Trail
	gate   *identity.Gate
	desk   signatures.Desk
	people map[string]*demoPerson
	now    time.Time
}

// isDemo tells whether the plant is a demo plant, and whether it has people at all: the first account says so.
func isDemo(ctx context.Context, trail *audit.Trail) (demo, empty bool, err error) {
	err = trail.Read(ctx, func(r *audit.Reader) error {
		rows, err := audit.History(ctx, r, audit.Filter{Act: "person.create", Oldest: true, Limit: 1})
		empty = len(rows) == 0
		demo = !empty && rows[0].Reason == demoReason
		return err
	})
	return demo, empty, err
}

// seedDemo makes the demo plant in an empty database, in a few seconds: most of them are passwords being checked for signatures.
func seedDemo(ctx context.Context, trail *audit.Trail, gate *identity.Gate, desk signatures.Desk, say func(string)) error {
	is, empty, err := isDemo(ctx, trail)
	switch {
	case err != nil || is:
		return err
	case !empty:
		return fault.New(fault.Refused, "--demo fills an empty plant, and this one has people already. Name another state folder with --state, or leave --demo out.")
	}
	say("Filling the demo plant: people, recipes, batches")
	d := &demo{ctx: ctx, trail: trail, gate: gate, desk: desk, people: map[string]*demoPerson{}, now: time.Now()}
	for _, step := range []func() error{d.makePeople, d.makeRecipes, d.makeBatches} {
		if err := step(); err != nil {
			return fmt.Errorf("demo plant: %w", err)
		}
	}
	return nil
}

// makePeople makes the accounts and a station from which they work.
func (d *demo) makePeople() error {
	station := identity.NewStation{ID: audit.NewID(), Name: "Demo office"}
	in := audit.Intent{Session: d.trail.System(), Act: "station.register", Home: identity.StationStream(station.ID), Reason: demoReason}
	if _, err := d.trail.Change(d.ctx, in, func(tx *audit.Tx) error { return identity.RegisterStation(d.ctx, tx, station) }); err != nil {
		return err
	}
	for _, one := range demoPeople {
		p := *one
		d.people[p.user] = &p
		c := identity.NewPerson{ID: audit.NewID(), UserName: p.user, FullName: p.name, Roles: []access.Role{p.role}, Token: audit.NewToken()}
		in := audit.Intent{Session: d.trail.System(), Act: "person.create", Home: identity.StreamOf(c.ID), Reason: demoReason}
		if _, err := d.trail.Change(d.ctx, in, func(tx *audit.Tx) error { return identity.CreatePerson(d.ctx, tx, c) }); err != nil {
			return err
		}
		if err := d.gate.Enrol(d.ctx, c.Token, p.password); err != nil {
			return err
		}
		if p.role == access.Administrator || p.role == access.Auditor {
			continue
		}
		s, err := d.gate.LogIn(d.ctx, p.user, p.password, station.ID)
		if err != nil {
			return err
		}
		d.people[p.user].token = s.Token
	}
	return nil
}

// makeRecipes takes the shipped recipes through their life: written, approved and made effective by three persons.
func (d *demo) makeRecipes() error {
	for _, name := range library.All() {
		if _, err := d.do("petra", "petra", recipes.Import{Text: string(library.Text(name))}); err != nil {
			return err
		}
	}
	for _, v := range d.versions() {
		for _, move := range []struct {
			who string
			cmd command
		}{{"petra", recipes.Submit{Version: v.ID}}, {"quinn", recipes.Approve{Version: v.ID}}, {"elena", recipes.MakeEffective{Version: v.ID}}} {
			if _, err := d.do(move.who, move.who, move.cmd); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *demo) versions() (list []recipes.Version) {
	_ = d.trail.Read(d.ctx, func(r *audit.Reader) (err error) {
		list, err = recipes.List(d.ctx, r)
		return err
	})
	return list
}

// command is an act as the screens send it; signed ones have a statement.
type command interface {
	Act() string
	Home() audit.Stream
	Do(ctx context.Context, tx *audit.Tx) error
}

// do carries out one command in the session of one person, signed by another or the same where it needs a signature.
func (d *demo) do(who, signer string, cmd command) (audit.Receipt, error) {
	in := audit.Intent{Session: d.people[who].token, Act: cmd.Act(), Home: cmd.Home(), Key: audit.NewID(), Command: cmd}
	if c, ok := cmd.(interface{ Why() string }); ok {
		in.Reason = c.Why()
	}
	if c, ok := cmd.(interface {
		Statement(context.Context, audit.Querier) (signatures.Statement, error)
	}); ok {
		var st signatures.Statement
		err := d.trail.Read(d.ctx, func(r *audit.Reader) (err error) {
			st, err = c.Statement(d.ctx, r)
			return err
		})
		if err == nil && st.Act != "" {
			s := d.people[signer]
			in.Ticket, err = d.desk.Issue(d.ctx, signatures.Request{Session: in.Session, UserName: s.user, Password: s.password, Statement: st})
		}
		if err != nil {
			return audit.Receipt{}, err
		}
	}
	receipt, err := d.trail.Change(d.ctx, in, func(tx *audit.Tx) error { return cmd.Do(d.ctx, tx) })
	if err != nil {
		err = fmt.Errorf("%s by %s: %w", cmd.Act(), who, err)
	}
	return receipt, err
}

var _ command = batch.Record{}
