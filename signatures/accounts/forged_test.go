package accounts_test

import (
	"errors"
	"testing"

	"github.com/alexedwards/argon2id"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/signatures/access"
	"veribatch/signatures/accounts"
	"veribatch/signatures/signtest"
)

const forgedHash = `update ebr.credentials set password_hash = @hash, credential_version = credential_version + 1, changed_at = @now, version = version + 1 where id = @victim`

// forgeries are statements of entries with an act, and the state that refuses each.
var forgeries = map[string]struct{ act, sql, state string }{
	"a password under another act":        {"session.open", forgedHash, "VB024"},
	"a password by somebody else":         {"password.change", forgedHash, "VB024"},
	"a reset undone":                      {"password.change", `update ebr.credentials set reset_at = clock_timestamp(), reset_by = @me, version = version + 1 where id = @victim`, "VB024"},
	"another printed name":                {"person.deactivate", `update ebr.people set full_name = 'Somebody Else', version = version + 1 where id = @victim`, "VB060"},
	"a machine without its token":         {"person.create", `insert into ebr.people (id, user_name, user_name_skeleton, full_name, kind, created_at) values (@new, 'scale.x', 'scale.x', 'Scale X', 'service', @now)`, "VB060"},
	"an account made long ago":            {"person.create", `insert into ebr.people (id, user_name, user_name_skeleton, full_name, kind, created_at) values (@new, 'old.x', 'old.x', 'Old X', 'person', '2020-01-01')`, "VB060"},
	"a role under another act":            {"session.open", `insert into ebr.person_roles (id, person, role, granted_at) values (@new, @me, 'auditor', @now)`, "VB060"},
	"a role of long ago":                  {"person.roles", `insert into ebr.person_roles (id, person, role, granted_at) values (@new, @me, 'auditor', '2020-01-01')`, "VB060"},
	"a role revoked later than its entry": {"person.roles", `update ebr.person_roles set revoked_at = '2099-01-01', version = version + 1 where person = @anna`, "VB060"},
	"an area under another act":           {"session.open", `insert into ebr.areas (id, title) values ('evil', 'Evil')`, "VB060"},
	"a station under another act":         {"session.open", `insert into ebr.stations (id, name) values (@new, 'Evil')`, "VB060"},
	"a policy of long ago":                {"policy.register", `insert into ebr.policies (id, model, policy, recorded_at) values (encode(sha256(convert_to('m', 'UTF8') || '\x00'::bytea || convert_to('p', 'UTF8')), 'hex'), 'm', 'p', '2020-01-01')`, "VB060"},
	"a site key under another act":        {"session.open", `insert into ebr.signing_keys (id, public_key, recorded_at) select left(encode(sha256(k), 'hex'), 32), k, @now from sha256('evil') k`, "VB060"},
	"a session that ended lives again":    {"session.open", `update ebr.sessions set ended_at = null where token_digest = sha256(@ended)`, "VB061"},
	"a locked session opens by another":   {"session.unlock", `update ebr.sessions set locked_at = null where token_digest = sha256(@locked)`, "VB061"},
	"a series without its signature":      {"session.open", `update ebr.sessions set series_at = @now where token_digest = sha256(@mine)`, "VB061"},
	"an incident by somebody":             {"incident.open", `insert into ebr.incidents (id, number, kind, cause, summary, first_reference, first_at, last_reference, last_at, occurrences, opened_at) values (@new, 'I-2026-000001', 'clock', encode(sha256('x'), 'hex'), 's', '', @now, '', @now, 1, @now)`, "VB055"},
	"a session that begins tomorrow":      {"session.open", `insert into ebr.sessions (id, token_digest, person, station, opened_at, seen_at, series_at) select @new, sha256('evil'), @victim, s.station, now() + interval '1 day', now(), null::timestamptz from ebr.sessions s where s.token_digest = sha256(@mine)`, "VB090"},
	"a session touched tomorrow":          {"session.open", `insert into ebr.sessions (id, token_digest, person, station, opened_at, seen_at, series_at) select @new, sha256('evil'), @victim, s.station, now(), now() + interval '1 day', null::timestamptz from ebr.sessions s where s.token_digest = sha256(@mine)`, "VB090"},
	"a session born in a series":          {"session.open", `insert into ebr.sessions (id, token_digest, person, station, opened_at, seen_at, series_at) select @new, sha256('evil'), @victim, s.station, now(), now(), now() from ebr.sessions s where s.token_digest = sha256(@mine)`, "VB090"},
	"an approval without its signature":   {"token.approve", `insert into ebr.token_approvals (id, token, approved_by, approved_at, signature) values (@new, @new, @me, @now, @new)`, "VB031"},
	"the last administrator goes":         {"person.roles", `update ebr.person_roles set revoked_at = @now, version = version + 1 where person = @me and role = 'administrator'`, "VB037"},
	"another user name":                   {"person.create", `update ebr.people set user_name = 'evil', user_name_skeleton = 'evil', version = version + 1 where id = @victim`, "VB038"},
	"who left comes back":                 {"person.create", `update ebr.people set active = true, version = version + 1 where id = @left`, "VB038"},
	"a configuration is born approved":    {"configuration.approve", `insert into ebr.configurations (id, number, base, settings, reason, state, proposed_by, proposed_at, propose_signature) values ('configuration-1', 1, 0, '{}', 'x', 'approved', @me, @now, @new)`, "VB050"},
	"a person handed over as a machine":   {"machine.hand_over", `insert into ebr.handovers (id, account, person, handed_by, handed_at) values (@new, @victim, @me, @me, @now)`, "VB070"},
	"a machine handed over to a leaver":   {"machine.hand_over", `insert into ebr.handovers (id, account, person, handed_by, handed_at) values (@new, @scale, @left, @me, @now)`, "VB070"},
	"who answers for a machine leaves":    {"person.deactivate", `update ebr.people set active = false, version = version + 1 where id = @anna`, "VB071"},
}

// TestForgedRights: what somebody with the server's database password tries in entries of their own. Each last statement is refused by the
// database with its state.
func TestForgedRights(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	victim, anna := w.Checker.ID, w.Person("anna.keller", access.Operator)
	require.NoError(t, w.Gate.LogOut(w.Ctx, anna.Token))
	other := w.Person("olga.other", access.Operator)
	require.NoError(t, w.Gate.Lock(w.Ctx, other.Token, ""))
	left := w.Person("lena.left", access.Operator)
	w.Do(w.Admin, accounts.Deactivate{Person: left.ID, Reason: "leaves"})
	scale, _, err := token(w, "", "scale.d1", "batch.read")
	require.NoError(t, err)
	w.Do(w.Admin, accounts.HandOver{Account: scale.Account, Person: anna.ID, Reason: "theirs"})
	cheap := signtest.Cheap
	hash, err := argon2id.CreateHash("acht graue Wölfe", &cheap)
	require.NoError(t, err)
	for name, a := range forgeries {
		in := audit.Intent{Session: w.Admin.Token, Act: a.act, Home: audit.Stream("person/" + victim), Reason: "attack"}
		trail := *w.Trail
		trail.Check = nil // the attacker's program asks nobody
		_, err := trail.Change(w.Ctx, in, func(tx *audit.Tx) error {
			_, err := tx.Exec(w.Ctx, a.sql, pgx.NamedArgs{
				"victim": victim, "anna": anna.ID, "me": w.Admin.ID, "hash": hash, "now": tx.Now(), "new": audit.NewID(), "ended": []byte(anna.Token), "locked": []byte(other.Token),
				"mine": []byte(w.Admin.Token), "left": left.ID, "scale": scale.Account,
			})
			return err
		})
		var pg *pgconn.PgError
		require.Truef(t, errors.As(err, &pg), "%s: %v", name, err)
		require.Equal(t, a.state, pg.Code, "%s: %s", name, pg.Message)
	}
	report, err := w.Trail.Verify(w.Ctx)
	require.NoError(t, err)
	require.Empty(t, report.Findings)
}

// Who has left does nothing more, not even in a session that was planted for them.
func TestALeaverIsNotEntered(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	left := w.Person("lena.left", access.Operator)
	w.Do(w.Admin, accounts.Deactivate{Person: left.ID, Reason: "leaves"})
	var pg *pgconn.PgError
	require.ErrorAs(t, w.Seize(left.ID, "acht graue Wölfe", nil), &pg)
	require.Equal(t, "VB004", pg.Code, pg.Message)
}

// The lock of an account is set by the server, and lifted by another person or with a new password.
func TestForgedLocks(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	anna := w.Person("anna.keller", access.Operator)
	locked := func() (is bool) {
		require.NoError(t, w.DB.Super(t).QueryRow(w.Ctx, `select coalesce(locked_until > now(), false) from ebr.credentials where id = $1`, anna.ID).Scan(&is))
		return is
	}
	forge := func(session, act, until string) string {
		trail := *w.Trail
		trail.Check = nil
		_, err := trail.Change(w.Ctx, audit.Intent{Session: session, Act: act, Home: audit.Stream("person/" + anna.ID), Reason: "attack"}, func(tx *audit.Tx) error {
			_, err := tx.Exec(w.Ctx, `update ebr.credentials set locked_until = `+until+`, version = version + 1 where id = $1`, anna.ID)
			return err
		})
		var pg *pgconn.PgError
		require.Truef(t, errors.As(err, &pg), "%s: %v", act, err)
		return pg.Code
	}
	require.Equal(t, "VB091", forge(w.Admin.Token, "person.lock", `now() + interval '1 year'`), "shut out by a person")
	for range 5 {
		_, err := w.Gate.LogIn(w.Ctx, anna.UserName, "not the password", w.Station)
		require.Error(t, err)
	}
	require.True(t, locked())
	for _, act := range []string{"session.open", "session.unlock", "person.roles", "person.lock", "password.change"} {
		require.Equal(t, "VB091", forge(w.Admin.Token, act, "null"), act)
	}
	require.Equal(t, "VB091", forge(anna.Token, "person.unlock", "null"), "one's own")
	require.Equal(t, "VB091", forge(w.Trail.System(), "person.lock", "locked_until - interval '10 minutes'"), "shortened")
	require.True(t, locked())
	w.Do(w.Checker, accounts.Unlock{Person: anna.ID, Reason: "was on the telephone"})
	require.False(t, locked())
}
