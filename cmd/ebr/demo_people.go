package main

import (
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/signatures/access"
	"veribatch/signatures/accounts"
	"veribatch/signatures/identity"
)

// The two who check the others' identities. Nobody has checked the first of them when she begins: somebody has to.
const (
	founder = "sven"
	checker = "quinn"
)

// makePeople makes the accounts as a new plant does: two who can check identities, then everybody else, each with document, password and the
// accountability statement.
func (d *demo) makePeople() error {
	for i, one := range demoPeople {
		p := *one
		d.people[p.user] = &p
		if i == 0 { // the first account says that this is a demo plant: it comes alone
			if err := d.makeAccount(&p); err != nil {
				return err
			}
		}
	}
	for _, step := range []func() error{
		func() error { return d.each(d.makeAccount) },
		func() error {
			return together(func() error { return d.enrol(founder) }, func() error { return d.enrol(checker) })
		},
		func() error { return d.logIn(d.people[founder]) },
		func() error { return d.confirm(founder, checker) },
		func() error { return d.logIn(d.people[checker]) },
		func() error { return d.account(checker) },
		func() error { return d.each(d.admit) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// each does something for everybody at the same time.
func (d *demo) each(do func(*demoPerson) error) error {
	var works []func() error
	for _, p := range d.people {
		works = append(works, func() error { return do(p) })
	}
	return together(works...)
}

const demoAccount = `select p.id::text, c.id is not null from ebr.people p left join ebr.credentials c on c.id = p.id where p.user_name = @name`

// find reads the id of a person, and whether the password is set.
func (d *demo) find(p *demoPerson) (enrolled bool, err error) {
	err = d.trail.Read(d.ctx, func(r *audit.Reader) error {
		return r.QueryRow(d.ctx, demoAccount, pgx.NamedArgs{"name": p.user}).Scan(&p.id, &enrolled)
	})
	return enrolled, err
}

func (d *demo) makeAccount(p *demoPerson) error {
	_, err := d.find(p)
	if !errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	p.id = audit.NewID()
	in := audit.Intent{Session: d.trail.System(), Act: "person.create", Home: identity.StreamOf(p.id), Reason: demoReason}
	_, err = d.trail.Change(d.ctx, in, func(tx *audit.Tx) error {
		return identity.CreatePerson(d.ctx, tx, identity.NewPerson{ID: p.id, UserName: p.user, FullName: p.name, Roles: []access.Role{p.role}})
	})
	return err
}

// enrol sets the password with both halves of the invitation, unless it is set.
func (d *demo) enrol(user string) error {
	p := d.people[user]
	enrolled, err := d.find(p)
	if err != nil || enrolled {
		return err
	}
	var i identity.Invitation
	err = d.trail.Read(d.ctx, func(r *audit.Reader) (err error) {
		i, _, err = identity.OpenInvitation(d.ctx, r, p.id)
		return err
	})
	if err != nil {
		return err
	}
	return d.gate.Enrol(d.ctx, d.desk.Key, i.Link(d.desk.Key), i.Code(d.desk.Key), p.password)
}

func (d *demo) logIn(p *demoPerson) error {
	s, err := d.gate.LogIn(d.ctx, p.user, p.password, d.station.String())
	p.token = s.Token
	return err
}

func (d *demo) confirm(by, user string) error {
	_, err := d.do("identity of "+user, by, by, accounts.ConfirmIdentity{
		Person: d.people[user].id, Document: accounts.Documents()[0], CheckedOn: d.began().UTC().Format(time.DateOnly), Note: "Demo plant: nobody was seen.",
	})
	return err
}

// account has a person sign the accountability statement, at the checker's station.
func (d *demo) account(user string) error {
	_, err := d.do("accountability of "+user, checker, user, accounts.Sign{Number: 1})
	return err
}

// admit takes everybody but the checker through the identity check, and logs in who acts in the scenes.
func (d *demo) admit(p *demoPerson) error {
	if p.user == checker {
		return nil
	}
	for _, step := range []func() error{
		func() error { return d.confirm(checker, p.user) },
		func() error { return d.enrol(p.user) },
		func() error { return d.account(p.user) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	if !p.acts || p.token != "" {
		return nil
	}
	return d.logIn(p)
}
