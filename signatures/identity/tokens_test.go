package identity_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/signatures/access"
	"veribatch/signatures/accounts"
	"veribatch/signatures/identity"
	"veribatch/signatures/signtest"
)

// machine is a token made by the administrator through the program's own door.
type machine struct{ token, account, secret string }

func makeToken(w *signtest.World, userName string, acts ...string) (m machine) {
	w.T.Helper()
	c := identity.CreateToken{UserName: userName, FullName: "Scale " + userName, Purpose: "weighs", Acts: acts, Days: 30}
	c.Mint()
	receipt, err := w.Trail.Change(w.Ctx, audit.Intent{Session: w.Admin.Token, Act: c.Act(), Home: c.Home(), Reason: c.Why()}, func(tx *audit.Tx) error { return c.Do(w.Ctx, tx) })
	require.NoError(w.T, err)
	var made identity.TokenMade
	require.NoError(w.T, json.Unmarshal(receipt.Result, &made))
	if slices.ContainsFunc(acts, func(act string) bool { return !strings.HasSuffix(act, ".read") }) {
		require.NoError(w.T, w.Sign(w.Checker, accounts.ApproveToken{Account: made.Account, Token: made.Token}))
	}
	return machine{made.Token, made.Account, c.Reveal()}
}

// A token that has expired is refused with the next request; the database opens no entry in its session even when the program asks.
func TestATokenThatHasExpired(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	m := makeToken(w, "scale.d1", "batch.read", "step.comment")
	_, err := w.Gate.FindMachine(w.Ctx, m.secret)
	require.NoError(t, err)
	comment := func() error {
		in := audit.Intent{Session: m.secret, Act: "step.comment", Home: identity.StationStream(w.Station)}
		_, err := w.Trail.Change(w.Ctx, in, func(*audit.Tx) error { return nil })
		return err
	}
	require.NoError(t, comment())

	// The session alone has expired, and then the token alone: each is asked for by itself.
	expire := func(sql string) {
		t.Helper()
		_, err := w.DB.Super(t).Exec(w.Ctx, `set session_replication_role = replica; alter table ebr.tokens disable trigger user; `+strings.ReplaceAll(sql, "$1", "'"+m.token+"'"))
		require.NoError(t, err)
	}
	expire(`update ebr.sessions set expires_at = clock_timestamp() - interval '1 second' where id = $1`)
	_, err = w.Gate.FindMachine(w.Ctx, m.secret)
	requireFault(t, err, fault.Unauthenticated, "has expired")
	past, err := w.Gate.Past(w.Ctx, m.secret)
	require.NoError(t, err)
	require.Equal(t, m.account, past.Person, "for the entry of the try")
	requireFault(t, comment(), fault.Unauthenticated, "")
	expire(`update ebr.sessions set expires_at = clock_timestamp() + interval '1 day' where id = $1;
		update ebr.tokens set issued_at = issued_at - interval '31 days', expires_at = expires_at - interval '31 days' where id = $1`)
	requireFault(t, comment(), fault.Forbidden, "no token that is good now")
}

// A service account has no password: it logs in nowhere, and it is told what everybody is told.
func TestAServiceAccountDoesNotLogIn(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	m := makeToken(w, "scale.d1", "batch.read")
	for _, password := range []string{"", m.secret, wrong} {
		_, err := w.Gate.LogIn(w.Ctx, "scale.d1", password, w.Station)
		requireFault(t, err, fault.Unauthenticated, "User name or password is wrong")
	}
	_, err := w.Gate.Peek(w.Ctx, m.secret)
	requireFault(t, err, fault.Unauthenticated, "not logged in")
}

const (
	underCreate  = `select set_config('attack.at', e.at::text, true) from audit.enter($1, null, 'token.create', $2, '{}', 'attack', null, sha256(''), false) e`
	underRevoke  = `select audit.enter($1, null, 'token.revoke', $2, '{}', 'attack', null, sha256(''), false)`
	forgedToken  = `insert into ebr.tokens (id, account, station, purpose, acts, issued_by, issued_at, expires_at) select '00000000-0000-7000-8000-0000000000aa', ACCOUNT, st.id, 'attack', '{step.comment}', 'ISSUER', current_setting('attack.at')::timestamptz, now() + interval 'LIFE' from ebr.stations st where st.name = 'server'`
	openMachine  = `insert into ebr.sessions (id, token_digest, person, station, opened_at, seen_at, expires_at) select gen_random_uuid(), sha256('mine'), '{account}', st.id, now(), now(), now() + interval '1 day' from ebr.stations st where st.name = 'server'`
	longerThanIt = `insert into ebr.sessions (id, token_digest, person, station, opened_at, seen_at, expires_at) select t.id, sha256('mine'), t.account, t.station, now(), now(), t.expires_at + interval '1 day' from ebr.tokens t where t.id = '00000000-0000-7000-8000-0000000000aa'`
	machineSigns = `insert into ebr.tickets (id, session, person, credential_version, act, meaning, statement_digest, statement, manifest, manifest_signature, key_id, issued_at, expires_at) select '00000000-0000-7000-8000-00000000f0f0', '{token}', PERSON, 1, 'step.perform', 'performed', '', '', '', '', 'none', now(), now() + interval '60 seconds'`
	underTicket  = `select audit.enter($1, '00000000-0000-7000-8000-00000000f0f0', 'step.perform', $2, '{}', '', null, sha256(''), false)`
)

// What a mistake in our own code, or a stranger with the server's database password and a token, tries against tokens. The last statement must
// fail with the SQLSTATE.
func TestAttacksOnTokensAsTheServersRole(t *testing.T) {
	t.Parallel()
	w := signtest.New(t)
	m, gone := makeToken(w, "scale.d1", "step.comment"), makeToken(w, "scale.d2", "step.comment")
	revoke := identity.RevokeToken{Account: gone.account, Token: gone.token, Reason: "replaced"}
	_, err := w.Trail.Change(w.Ctx, audit.Intent{Session: w.Admin.Token, Act: revoke.Act(), Home: revoke.Home(), Reason: revoke.Reason}, func(tx *audit.Tx) error { return revoke.Do(w.Ctx, tx) })
	require.NoError(t, err)
	anna := w.Person("anna.keller", access.Operator)
	token := func(account, life string) string {
		return strings.NewReplacer("ACCOUNT", "'"+account+"'", "LIFE", life, "ISSUER", w.Admin.ID).Replace(forgedToken)
	}
	change := func(id, set string) []string {
		return []string{"begin", underRevoke, `update ebr.tokens set ` + set + `, version = version + 1 where id = '` + id + `'`}
	}
	revoked := `revoked_by = '` + w.Admin.ID + `', revoked_at = now() + interval '1 day'`
	for _, a := range []struct {
		name  string
		steps []string
		state string
	}{
		{"revoke a second time", change(gone.token, revoked), "VB030"},
		{"take a revocation back", change(gone.token, `revoked_by = null, revoked_at = null`), "VB030"},
		{"a longer life", change(m.token, `expires_at = expires_at + interval '1 day'`), "VB030"},
		{"a longer life beside the revocation", change(m.token, revoked+`, expires_at = expires_at + interval '1 day'`), "VB030"},
		{"a wider scope", change(m.token, `acts = '{batch.abort}'`), "VB030"},
		{"a wider scope beside the revocation", change(m.token, revoked+`, acts = '{batch.abort}'`), "VB030"},
		{"another area", change(m.token, revoked+`, area = 'main'`), "VB030"},
		{"another account", change(m.token, revoked+`, account = '`+gone.account+`'`), "VB030"},
		{"a token for a person", []string{"begin", underCreate, token(anna.ID, "1 day")}, "VB030"},
		{"a token for the server's own account", []string{"begin", underCreate, token(audit.SystemPerson, "1 day")}, "VB030"},
		{"a life beyond every limit", []string{"begin", underCreate, token(m.account, "733 days")}, "23514"},
		{"a session without its token", []string{"begin", underCreate, openMachine, "commit"}, "VB008"},
		{"a session without an entry", []string{"begin", openMachine, "commit"}, "VB008"},
		{"a session that outlives its token", []string{"begin", underCreate, token(m.account, "1 day"), longerThanIt, "commit"}, "VB008"},
		{"a longer session", []string{`update ebr.sessions set expires_at = expires_at + interval '1 day'`}, "42501"},
		{"delete a token", []string{"begin", underRevoke, `delete from ebr.tokens`}, "42501"},
		{"a machine signs for itself", []string{"begin", strings.ReplaceAll(machineSigns, "PERSON", "'{account}'"), underTicket}, "VB005"},
		{"somebody signs in a machine's session", []string{"begin", strings.ReplaceAll(machineSigns, "PERSON", "'"+anna.ID+"'"), underTicket}, "VB005"},
	} {
		t.Run(a.name, func(t *testing.T) {
			conn := w.DB.App(t)
			for i, sql := range a.steps {
				args := []any{}
				if strings.Contains(sql, "$2") {
					secret := w.Admin.Token
					if sql == underTicket {
						secret = m.secret
					}
					args = []any{[]byte(secret), "person/" + m.account}
				}
				_, err := conn.Exec(w.Ctx, strings.NewReplacer("{account}", m.account, "{token}", m.token).Replace(sql), args...)
				if i < len(a.steps)-1 {
					require.NoError(t, err, sql)
					continue
				}
				var pg *pgconn.PgError
				require.ErrorAs(t, err, &pg, sql)
				require.Equal(t, a.state, pg.Code, pg.Message)
			}
		})
	}
	var tokens int
	require.NoError(t, w.DB.Super(t).QueryRow(w.Ctx, `select count(*) from ebr.tokens where id = any(@ids) and version = case id when @gone then 2 else 1 end`,
		pgx.NamedArgs{"ids": []string{m.token, gone.token}, "gone": gone.token}).Scan(&tokens))
	require.Equal(t, 2, tokens, "no attack left anything")
	report, err := w.Trail.Verify(w.Ctx)
	require.NoError(t, err)
	require.Empty(t, report.Findings)
}
