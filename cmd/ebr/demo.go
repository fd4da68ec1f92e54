package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

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
	acts                 bool // in a session of the own

	id    string
	token string // of the session at the demo's own station
}

var demoPeople = []*demoPerson{
	{user: "olga", name: "Olga Brandt", password: "silver birch 41", role: access.Operator, acts: true},
	{user: "omar", name: "Omar Haddad", password: "copper kettle 58", role: access.Operator},
	{user: "sven", name: "Sven Lindqvist", password: "harbour lamp 23", role: access.Supervisor, acts: true},
	{user: "petra", name: "Petra Novotná", password: "yellow tram 76", role: access.ProcessEngineer, acts: true},
	{user: "quinn", name: "Quinn Weiss", password: "granite stair 19", role: access.QA, acts: true},
	{user: "quirin", name: "Quirin Holm", password: "winter bridge 62", role: access.QA}, // reviews what Quinn issued
	{user: "elena", name: "Elena Rossi", password: "olive window 64", role: access.QualifiedPerson, acts: true},
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

// demo fills an empty plant through the same doors as its people: every recipe and batch in it was signed and stands in the trail. A server
// that was killed meanwhile goes on at the next start: each act has a request key of its own, made from the demo's station and the name of
// the act, so that what was done already is answered and not done again.
type demo struct {
	ctx     context.Context
	trail   *audit.Trail
	gate    *identity.Gate
	desk    signatures.Desk
	people  map[string]*demoPerson
	station uuid.UUID
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

const lastOrderStands = `select exists (select from ebr.batches where order_number = @order)`

// isFilled tells whether the demo plant is complete: its last act has been done.
func isFilled(ctx context.Context, trail *audit.Trail) (filled bool, err error) {
	err = trail.Read(ctx, func(r *audit.Reader) error {
		return r.QueryRow(ctx, lastOrderStands, pgx.NamedArgs{"order": openOrder}).Scan(&filled)
	})
	return filled, err
}

// seedDemo makes the demo plant in an empty database, or completes one whose making was interrupted. It takes a few seconds: most of them are
// passwords being checked for signatures.
func seedDemo(ctx context.Context, trail *audit.Trail, gate *identity.Gate, desk signatures.Desk, say func(string)) error {
	is, empty, err := isDemo(ctx, trail)
	if err != nil {
		return err
	}
	if !is && !empty {
		return fault.New(fault.Refused, "--demo fills an empty plant, and this one has people already. Name another state folder with --state, or leave --demo out.")
	}
	if filled, err := isFilled(ctx, trail); err != nil || filled {
		return err
	}
	say("Filling the demo plant: people, recipes, batches")
	d := &demo{ctx: ctx, trail: trail, gate: gate, desk: desk, people: map[string]*demoPerson{}}
	for _, step := range []func() error{d.makeStation, d.makePeople, d.makeRecipes, d.makeBatches} {
		if err := step(); err != nil {
			return fmt.Errorf("demo plant: %w", err)
		}
	}
	return nil
}

// makeStation makes the station from which the people of the demo work, or finds it by its entry.
func (d *demo) makeStation() error {
	err := d.trail.Read(d.ctx, func(r *audit.Reader) error {
		rows, err := audit.History(d.ctx, r, audit.Filter{Act: "station.register", Oldest: true, Limit: 500})
		for _, row := range rows {
			if row.Reason == demoReason && !row.Refused {
				d.station, err = uuid.Parse(strings.TrimPrefix(string(row.Stream), "station/"))
			}
		}
		return err
	})
	if err != nil || d.station != uuid.Nil {
		return err
	}
	c := identity.NewStation{ID: audit.NewID(), Name: "Demo office"}
	in := audit.Intent{Session: d.trail.System(), Act: "station.register", Home: identity.StationStream(c.ID), Reason: demoReason}
	if _, err = d.trail.Change(d.ctx, in, func(tx *audit.Tx) error { return identity.RegisterStation(d.ctx, tx, c) }); err != nil {
		return err
	}
	d.station, err = uuid.Parse(c.ID)
	return err
}

// digest gives the same bytes for the same name in this plant, and others in every other one.
func (d *demo) digest(name string) [sha256.Size]byte {
	return sha256.Sum256([]byte("demo plant " + d.station.String() + " " + name))
}

// key is the request key of a named act: a version 7 id with the time of the station.
func (d *demo) key(name string) string {
	id, digest := d.station, d.digest(name)
	copy(id[6:], digest[:])
	id[6], id[8] = id[6]&0x0f|0x70, id[8]&0x3f|0x80
	return id.String()
}

// began is when the making of the plant began.
func (d *demo) began() time.Time { return time.Unix(d.station.Time().UnixTime()) }

// together runs works at the same time; most of each is one password being checked, and the gate bounds those.
func together(works ...func() error) error {
	errs := make([]error, len(works))
	var all sync.WaitGroup
	for i, work := range works {
		all.Go(func() { errs[i] = work() })
	}
	all.Wait()
	return errors.Join(errs...)
}

// makeRecipes takes the shipped recipes through their life: written, approved and made effective by three persons.
func (d *demo) makeRecipes() error {
	var works []func() error
	for _, name := range library.Executable() {
		works = append(works, func() error { return d.makeRecipe(name) })
	}
	return together(works...)
}

func (d *demo) makeRecipe(name string) error {
	receipt, err := d.do("import of "+name, "petra", "petra", recipes.Import{Text: string(library.Text(name))})
	if err != nil {
		return err
	}
	var made recipes.Result
	if err := json.Unmarshal(receipt.Result, &made); err != nil {
		return err
	}
	for _, move := range []struct {
		who string
		cmd command
	}{{"petra", recipes.Submit(made)}, {"quinn", recipes.Approve(made)}, {"elena", recipes.MakeEffective(made)}} {
		if _, err := d.do(move.cmd.Act()+" of "+name, move.who, move.who, move.cmd); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) versions() (list []recipes.Version, err error) {
	err = d.trail.Read(d.ctx, func(r *audit.Reader) (err error) {
		list, err = recipes.List(d.ctx, r, []string{access.WholeSite})
		return err
	})
	return list, err
}

// command is an act as the screens send it; signed ones have a statement.
type command interface {
	Act() string
	Home() audit.Stream
	Do(ctx context.Context, tx *audit.Tx) error
}

// do carries out one command in the session of one person, signed by another or the same where it needs a signature. The name tells the act
// from all others of the demo; what was done under it before is not done again.
func (d *demo) do(name, who, signer string, cmd command) (audit.Receipt, error) {
	in := audit.Intent{Session: d.people[who].token, Act: cmd.Act(), Home: cmd.Home(), Key: d.key(name), Command: name}
	if receipt, found, err := d.trail.Replayed(d.ctx, in); err != nil || found {
		return receipt, err
	}
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
