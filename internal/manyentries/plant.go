package main

import (
	"context"
	"fmt"

	"veribatch/audit"
)

// plant is who and where the invented entries name.
type plant struct{ people, machines, stations []string }

const (
	insertPerson  = `insert into ebr.people (id, user_name, user_name_skeleton, full_name, kind, created_at) values ($1, $2, $2, $3, $4, $5)`
	insertStation = `insert into ebr.stations (id, name) values ($1, $2)`
)

// people makes accounts and stations through the door of the program, so that they have entries of their own.
func people(ctx context.Context, trail *audit.Trail) (p plant, err error) {
	person := func(kind, act string, n int) string {
		id, name := audit.NewID(), fmt.Sprintf("%s.%03d", kind, n)
		if err == nil {
			_, err = trail.Change(ctx, audit.Intent{Session: trail.System(), Act: act, Home: audit.Stream("person/" + id)}, func(tx *audit.Tx) error {
				_, err := tx.Exec(ctx, insertPerson, id, name, name, kind, tx.Now())
				return err
			})
		}
		return id
	}
	for n := range 200 {
		p.people = append(p.people, person("person", "person.create", n))
	}
	for n := range 12 {
		p.machines = append(p.machines, person("service", "token.create", n))
	}
	for n := range 40 {
		id := audit.NewID()
		if err == nil {
			_, err = trail.Change(ctx, audit.Intent{Session: trail.System(), Act: "station.register", Home: audit.Stream("station/" + id)}, func(tx *audit.Tx) error {
				_, err := tx.Exec(ctx, insertStation, id, fmt.Sprint("Station ", n))
				return err
			})
		}
		p.stations = append(p.stations, id)
	}
	return p, err
}
