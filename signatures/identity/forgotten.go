package identity

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/signatures/configuration"
)

const forgottenSessions = `select s.id::text, s.person::text, s.station::text from ebr.sessions s join ebr.people p on p.id = s.person
	where s.ended_at is null and p.kind = 'person' and s.opened_at < clock_timestamp() - make_interval(hours => @hours) order by s.opened_at limit 500`

type forgotten struct{ ID, Person, Station string }

// CloseForgotten ends the sessions that lasted longer than a session may and whose browsers never came back to hear it. Each end is an
// entry of its station, like any other.
func (g *Gate) CloseForgotten(ctx context.Context) error {
	for ctx.Err() == nil {
		var settings configuration.Settings
		var list []forgotten
		err := g.trail.Read(ctx, func(r *audit.Reader) (err error) {
			if settings, err = configuration.Read(ctx, r); err != nil {
				return err
			}
			rows, err := r.Query(ctx, forgottenSessions, pgx.NamedArgs{"hours": settings.SessionHours})
			if err != nil {
				return err
			}
			list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[forgotten])
			return err
		})
		if err != nil || len(list) == 0 {
			return err
		}
		for _, s := range list {
			if err := g.closeForgotten(ctx, s, settings.SessionHours); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

func (g *Gate) closeForgotten(ctx context.Context, s forgotten, hours int) error {
	in := audit.Intent{
		Session: g.trail.System(), Act: "session.close", Home: StationStream(s.Station), Also: []audit.Stream{StreamOf(s.Person)},
		Reason: fmt.Sprintf("open for more than %d hours", hours),
	}
	_, err := g.trail.Change(ctx, in, func(tx *audit.Tx) error {
		tx.Note("session", s.ID)
		_, err := tx.Exec(ctx, endSession, pgx.NamedArgs{"session": s.ID, "now": tx.Now()})
		return err
	})
	return err
}
