package signatures_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/signatures"
)

// replays are all the ways in which a ticket given for (record one, step.verify, verified, anna's session) is used for something else.
var replays = []struct {
	name  string
	apply func(p *plant, ticket string, u *usage)
}{
	{"another record", func(p *plant, _ string, u *usage) { u.record = p.two }},
	{"another meaning", func(_ *plant, _ string, u *usage) { u.meaning = "released" }},
	{"another act", func(_ *plant, _ string, u *usage) { u.act = "step.perform" }},
	{"another person's session", func(p *plant, _ string, u *usage) { u.session = p.ben.Token }},
	{"another session of the person", func(p *plant, _ string, u *usage) { u.session = p.LogIn(p.anna, p.Station) }},
	{"after 60 s", func(p *plant, ticket string, _ *usage) {
		p.count(`with late as (update ebr.tickets set issued_at = issued_at - interval '61 s', expires_at = expires_at - interval '61 s' where id = $1 returning 1) select count(*) from late`, ticket)
	}},
	{"after 60 s, in a row made young again", func(p *plant, ticket string, _ *usage) {
		var manifest []byte
		require.NoError(p.t, p.super.QueryRow(p.Ctx, `select manifest from ebr.tickets where id = $1`, ticket).Scan(&manifest))
		manifest, signature, at, err := signatures.Older(p.Desk.Key, manifest, 61*time.Second)
		require.NoError(p.t, err)
		_, err = p.super.Exec(p.Ctx, `update ebr.tickets set manifest = $2, manifest_signature = $3, issued_at = $4 where id = $1`, ticket, manifest, signature, at)
		require.NoError(p.t, err)
	}},
	{"a second time", func(p *plant, ticket string, u *usage) {
		if _, err := p.use(p.anna.Token, ticket, p.one, "step.verify", "verified"); err != nil {
			u.spent = err
		}
	}},
	{"record changed", func(p *plant, _ string, _ *usage) { p.rename(p.one, "Tank "+audit.NewID()[20:]) }},
	{"password changed", func(p *plant, _ string, u *usage) {
		next := "sieben blaue Kühe " + audit.NewID()[24:]
		require.NoError(p.t, p.Gate.ChangePassword(p.Ctx, p.anna.Token, p.anna.Password, next))
		p.anna.Password = next
	}},
	{"person put under another name", func(p *plant, ticket string, _ *usage) {
		p.count(`with forged as (update ebr.tickets set person = $2 where id = $1 returning 1) select count(*) from forged`, ticket, p.ben.ID)
	}},
	{"put into another session", func(p *plant, ticket string, u *usage) {
		u.session = p.ben.Token
		p.count(`with forged as (update ebr.tickets t set session = s.id from ebr.sessions s where t.id = $1 and s.token_digest = sha256($2) returning 1)
			select count(*) from forged`, ticket, []byte(p.ben.Token))
	}},
	{"manifest of another", func(p *plant, ticket string, _ *usage) {
		other := p.Ticket(p.anna, p.ben, p.shown(p.one, "step.verify", "verified"))
		p.count(`with forged as (update ebr.tickets t set manifest = o.manifest, manifest_signature = o.manifest_signature from ebr.tickets o
			where t.id = $1 and o.id = $2 returning 1) select count(*) from forged`, ticket, other)
	}},
	{"statement put under it", func(p *plant, ticket string, u *usage) {
		other := p.Ticket(p.anna, p.anna, p.shown(p.two, "step.verify", "verified"))
		u.record = p.two
		p.count(`with forged as (update ebr.tickets t set statement = o.statement, statement_digest = o.statement_digest from ebr.tickets o
			where t.id = $1 and o.id = $2 returning 1) select count(*) from forged`, ticket, other)
	}},
}

type usage struct {
	session, record, act, meaning string
	spent                         error // why the first of two uses failed already
}

// F82: each way alone and all pairs of ways are refused, each with exactly one entry, and no signature comes of it.
func TestTicketReplayAllPairs(t *testing.T) {
	t.Parallel()
	p := setup(t)
	for i := range replays {
		for j := i; j < len(replays); j++ {
			name := replays[i].name
			if j > i {
				name += " and " + replays[j].name
			}
			t.Run(name, func(t *testing.T) {
				p.t = t
				ticket := p.Ticket(p.anna, p.anna, p.shown(p.one, "step.verify", "verified"))
				u := usage{session: p.anna.Token, record: p.one, act: "step.verify", meaning: "verified"}
				replays[i].apply(p, ticket, &u)
				if j > i {
					replays[j].apply(p, ticket, &u)
				}
				signed, refused := p.count(allSignatures), p.count(allRefusals)
				_, err := p.use(u.session, ticket, u.record, u.act, u.meaning)
				require.Equal(t, signed, p.count(allSignatures), "a signature came of it")
				if _, ended := p.Gate.Peek(p.Ctx, u.session); ended != nil {
					require.Equal(t, fault.Unauthenticated, fault.KindOf(err), "a new password ended this session: there is nobody to enter")
					return
				}
				if k := fault.KindOf(err); k != fault.Refused && k != fault.Conflict {
					t.Errorf("%s: %v", k, err)
				}
				require.Equal(t, refused+1, p.count(allRefusals), "exactly one entry")
			})
		}
	}
	if signed := p.count(allSignatures); signed > len(replays) {
		t.Errorf("%d signatures", signed)
	}
}
