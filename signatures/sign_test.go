package signatures_test

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/internal/pgtest"
	"veribatch/signatures"
	"veribatch/signatures/access"
	"veribatch/signatures/identity"
	"veribatch/signatures/keyring"
	"veribatch/signatures/signtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// plant is a world with two operators, a supervisor without rights to issue, and two records that can be signed. The records are rows of
// ebr.stations: the smallest record table there is, and signing is the same for all.
type plant struct {
	*signtest.World
	t         *testing.T
	anna, ben signtest.Person
	one, two  string // records
	super     *pgx.Conn
}

func setup(t *testing.T, change ...func(*identity.Settings)) *plant {
	w := signtest.New(t, change...)
	p := &plant{World: w, t: t, anna: w.Person("anna.keller", access.Operator), ben: w.Person("ben.okafor", access.Operator)}
	p.one, p.two = w.AddStation("Tank 1"), w.AddStation("Tank 2")
	p.super = w.DB.Super(t)
	return p
}

// statement is rebuilt from the row, for the dialog and inside the transaction, as domain commands do.
func statement(ctx context.Context, q audit.Querier, record, act, meaning string) (signatures.Statement, error) {
	var name string
	var version int
	err := q.QueryRow(ctx, `select name, version from ebr.stations where id = $1`, record).Scan(&name, &version)
	return signatures.Statement{
		Version: signatures.StatementVersion, Act: act, Meaning: meaning, Language: "en",
		Records: []signatures.RecordRef{{Stream: "station/" + record, ID: record, Version: version}},
		Lines:   []signatures.Line{{Label: "Name", Value: name}},
	}, err
}

func (p *plant) shown(record, act, meaning string) (st signatures.Statement) {
	p.t.Helper()
	require.NoError(p.t, p.Trail.Read(p.Ctx, func(r *audit.Reader) (err error) {
		st, err = statement(p.Ctx, r, record, act, meaning)
		return err
	}))
	return st
}

// use runs a signed act with a ticket.
func (p *plant) use(session, ticket, record, act, meaning string) (s signatures.Signature, err error) {
	in := audit.Intent{Session: session, Ticket: ticket, Act: act, Home: audit.Stream("station/" + record)}
	_, err = p.Trail.Change(p.Ctx, in, func(tx *audit.Tx) error {
		st, err := statement(p.Ctx, tx, record, act, meaning)
		if err == nil {
			s, err = signatures.Sign(p.Ctx, tx, st)
		}
		return err
	})
	return s, err
}

// rename changes the record.
func (p *plant) rename(record, name string) {
	p.t.Helper()
	in := audit.Intent{Session: p.Admin.Token, Act: "station.register", Home: audit.Stream("station/" + record), Reason: "renamed"}
	_, err := p.Trail.Change(p.Ctx, in, func(tx *audit.Tx) error {
		_, err := tx.Exec(p.Ctx, `update ebr.stations set name = $2, version = version + 1 where id = $1`, record, name)
		return err
	})
	require.NoError(p.t, err)
}

func (p *plant) count(sql string, args ...any) (n int) {
	p.t.Helper()
	require.NoError(p.t, p.super.QueryRow(p.Ctx, sql, args...).Scan(&n))
	return n
}

const (
	allSignatures = `select count(*) from ebr.signatures where act not in ('accountability.sign', 'person.confirm_identity')`
	allRefusals   = `select count(*) from audit.entries where refused`
)

func requireFault(t *testing.T, err error, kind fault.Kind, says string) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, kind, fault.KindOf(err), "%v", err)
	require.Contains(t, fault.As(err).Message, says)
}

// P11-50a, P11-70: the stored signature shows name, time with zone and meaning, and holds for its record and no other.
func TestSignStoresWhatWasShown(t *testing.T) {
	t.Parallel()
	p := setup(t)
	st := p.shown(p.one, "step.verify", "verified")
	before := time.Now().Add(-time.Second)
	made, err := p.use(p.anna.Token, p.Ticket(p.anna, p.anna, st), p.one, "step.verify", "verified")
	require.NoError(t, err)

	var stored []signatures.Signature
	var key ed25519.PublicKey
	require.NoError(t, p.Trail.Read(p.Ctx, func(r *audit.Reader) (err error) {
		if stored, err = signatures.Read(p.Ctx, r, made.ID); err != nil {
			return err
		}
		key, err = signatures.PublicKey(p.Ctx, r, stored[0].KeyID)
		return err
	}))
	require.Len(t, stored, 1)
	s := stored[0]
	require.Equal(t, []string{"Anna Keller", "verified", "step.verify", p.anna.ID}, []string{s.FullName, s.Meaning, s.Act, s.Person})
	require.True(t, s.SignedAt.After(before) && s.SignedAt.Before(time.Now().Add(time.Second)), "%v", s.SignedAt)
	content, err := st.Canonical()
	require.NoError(t, err)
	require.Equal(t, string(content), string(s.Statement))
	require.Contains(t, string(s.Manifest), "+01:00")
	require.Contains(t, string(s.Manifest), `"name":"Anna Keller"`)
	require.NoError(t, s.Verify(key, st.Records[0]))
	require.Error(t, s.Verify(key, p.shown(p.two, "step.verify", "verified").Records[0]))

	entries := p.Entries(audit.Stream("station/"+p.one), "step.verify")
	require.Len(t, entries, 1)
	require.Equal(t, p.anna.ID, entries[0].By.Person)
	require.NotEmpty(t, entries[0].By.Ticket)
	require.Equal(t, "ebr.signatures", entries[0].Changes[0].Table)
}

// A second person signs at the station of the first without logging the first out; the signer's rights count, and the entry names both.
func TestAnotherPersonSignsInTheSameSession(t *testing.T) {
	t.Parallel()
	p := setup(t)
	st := p.shown(p.one, "step.verify", "verified")
	made, err := p.use(p.anna.Token, p.Ticket(p.anna, p.ben, st), p.one, "step.verify", "verified")
	require.NoError(t, err)
	require.Equal(t, p.ben.ID, made.Person)
	entry := p.Entries(audit.Stream("station/"+p.one), "step.verify")[0]
	require.Equal(t, []string{p.ben.ID, p.anna.ID}, []string{entry.By.Person, entry.By.SessionPerson})
	_, err = p.Gate.Find(p.Ctx, p.anna.Token)
	require.NoError(t, err)

	ivo := p.Person("ivo.reader", access.Auditor)
	_, err = p.use(p.anna.Token, p.Ticket(p.anna, ivo, st), p.one, "step.verify", "verified")
	requireFault(t, err, fault.Forbidden, "Ivo Reader (auditor) has no right to step.verify")
	require.Equal(t, 1, p.count(allSignatures))
}

// T-DI-3, T-DI-4: a live session alone signs nothing.
func TestNoTicketNoSignature(t *testing.T) {
	t.Parallel()
	p := setup(t)
	_, err := p.use(p.anna.Token, "", p.one, "step.verify", "verified")
	requireFault(t, err, fault.Refused, "needs a signature")
	_, err = p.use(p.anna.Token, audit.NewID(), p.one, "step.verify", "verified")
	requireFault(t, err, fault.Refused, "Sign again")
	require.Equal(t, 0, p.count(allSignatures))
	require.Equal(t, 2, p.count(allRefusals))
}

// F83: changed between showing and signing is a conflict, and an entry.
func TestChangedSinceShown(t *testing.T) {
	t.Parallel()
	p := setup(t)
	ticket := p.Ticket(p.anna, p.anna, p.shown(p.one, "step.verify", "verified"))
	p.rename(p.one, "Tank 1 (new)")
	_, err := p.use(p.anna.Token, ticket, p.one, "step.verify", "verified")
	requireFault(t, err, fault.Conflict, "changed since you read it")
	entries := p.Entries(audit.Stream("station/"+p.one), "step.verify")
	require.Len(t, entries, 1)
	require.True(t, entries[0].Refused)

	ticket = p.Ticket(p.anna, p.anna, p.shown(p.one, "step.verify", "verified"))
	_, err = p.use(p.anna.Token, ticket, p.one, "step.verify", "verified")
	require.NoError(t, err)
}

// The lives of account and key between password and commit.
func TestTicketFallsWithAccountAndLock(t *testing.T) {
	t.Parallel()
	p := setup(t)
	cases := map[string]func(signer signtest.Person){
		"the person was deactivated": func(s signtest.Person) {
			p.rawChange(s.ID, `update ebr.people set active = false, version = version + 1 where id = @person`)
		},
		"the account was locked": func(s signtest.Person) {
			for range 5 {
				_, err := p.Gate.Prove(p.Ctx, s.UserName, "wrong river 42 tin")
				require.Error(t, err)
			}
		},
		"the role was taken away": func(s signtest.Person) {
			p.rawChange(s.ID, `update ebr.person_roles set revoked_at = @now, version = version + 1 where person = @person`)
		},
		"the session was closed": func(signtest.Person) {
			require.NoError(t, p.Gate.LogOut(p.Ctx, p.anna.Token))
			p.anna.Token = p.LogIn(p.anna, p.Station)
		},
	}
	n := 0
	for name, happen := range cases {
		signer := p.Person(fmt.Sprintf("sam.%c", 'a'+n), access.Operator)
		n++
		session := p.anna.Token
		ticket := p.Ticket(p.anna, signer, p.shown(p.one, "step.verify", "verified"))
		happen(signer)
		_, err := p.use(session, ticket, p.one, "step.verify", "verified")
		require.Error(t, err, name)
		require.NotEqual(t, fault.Internal, fault.KindOf(err), "%s: %v", name, err)
	}
	require.Equal(t, 0, p.count(allSignatures))
}

func (p *plant) rawChange(person, sql string) {
	p.t.Helper()
	in := audit.Intent{Session: p.Admin.Token, Act: "person.deactivate", Home: identity.StreamOf(person)}
	_, err := p.Trail.Change(p.Ctx, in, func(tx *audit.Tx) error {
		_, err := tx.Exec(p.Ctx, sql, pgx.NamedArgs{"person": person, "now": tx.Now()})
		return err
	})
	require.NoError(p.t, err)
}

// A database administrator who swaps a password hash to sign as somebody else is caught, before the ticket and after it.
func TestSwappedHashSignsNothing(t *testing.T) {
	t.Parallel()
	p := setup(t)
	st := p.shown(p.one, "step.verify", "verified")
	good := p.Ticket(p.anna, p.anna, st)
	for _, sql := range []string{"begin", "alter table ebr.credentials disable trigger all",
		"update ebr.credentials set password_hash = (select password_hash from ebr.credentials where id = '" + p.ben.ID + "') where id = '" + p.anna.ID + "'", "commit"} {
		_, err := p.super.Exec(p.Ctx, sql)
		require.NoError(t, err)
	}
	_, err := p.Desk.Issue(p.Ctx, signatures.Request{Session: p.ben.Token, UserName: p.anna.UserName, Password: p.ben.Password, Statement: st})
	require.ErrorIs(t, err, identity.ErrSwapped)
	_, err = p.use(p.anna.Token, good, p.one, "step.verify", "verified")
	require.ErrorIs(t, err, identity.ErrSwapped)
	require.Equal(t, 0, p.count(allSignatures))
	require.Equal(t, 2, p.count(allRefusals))
}

// Every refused signature is an entry of its own, names session and claimed person, and wrong passwords lock.
func TestEveryRefusedSignatureIsAnEntry(t *testing.T) {
	t.Parallel()
	p := setup(t)
	st := p.shown(p.one, "step.verify", "verified")
	sign := func(user, password string) error {
		_, err := p.Desk.Issue(p.Ctx, signatures.Request{Session: p.anna.Token, UserName: user, Password: password, Statement: st})
		return err
	}
	for i := range 7 {
		err := sign(p.ben.UserName, "wrong river 42 tin")
		requireFault(t, err, fault.Unauthenticated, map[bool]string{true: "is wrong", false: "locked until"}[i < 4])
	}
	requireFault(t, sign(p.ben.UserName, p.ben.Password), fault.Unauthenticated, "locked until")
	requireFault(t, sign("nora.nobody", "wrong river 42 tin"), fault.Unauthenticated, "is wrong")
	require.Len(t, p.Entries(identity.StreamOf(p.ben.ID), "person.lock"), 1)

	entries := p.Entries(identity.StationStream(p.Station), "step.verify")
	require.Len(t, entries, 9, "seven wrong, one locked, one unknown: one entry each")
	for i, e := range entries {
		require.True(t, e.Refused)
		require.Equal(t, p.anna.ID, e.By.Person, "whose session it was")
		require.Contains(t, e.Also, audit.Stream("station/"+p.one), "which record")
		require.Equal(t, i < 8, strings.Contains(fmt.Sprint(e.Also), p.ben.ID), "whose name was given")
	}
	_, err := p.use(p.anna.Token, p.Ticket(p.anna, p.anna, st), p.one, "step.verify", "verified")
	require.NoError(t, err, "the lock of one does not stop the other")
}

func TestIssueRefuses(t *testing.T) {
	t.Parallel()
	p := setup(t)
	st := p.shown(p.one, "step.verify", "verified")
	request := signatures.Request{Session: p.anna.Token, UserName: p.anna.UserName, Password: p.anna.Password, Statement: st}

	unfit := request
	unfit.Statement.Lines = nil
	_, err := p.Desk.Issue(p.Ctx, unfit)
	requireFault(t, err, fault.Invalid, "cannot be signed")
	nowhere := request
	nowhere.Session = audit.NewToken()
	_, err = p.Desk.Issue(p.Ctx, nowhere)
	requireFault(t, err, fault.Unauthenticated, "not logged in")

	p.rawChange(p.anna.ID, `update ebr.credentials set must_change = true, version = version + 1 where id = @person`)
	_, err = p.Desk.Issue(p.Ctx, request)
	requireFault(t, err, fault.Refused, "new password before signing")
	require.NoError(t, p.Gate.Lock(p.Ctx, p.anna.Token, ""))
	_, err = p.Desk.Issue(p.Ctx, request)
	requireFault(t, err, fault.Unauthenticated, "locked")
	require.Equal(t, 0, p.count(`select count(*) from ebr.tickets where used_at is null`))
	require.Len(t, p.Entries(identity.StationStream(p.Station), "step.verify"), 2)
}

// P11-50b: whatever is changed in the stored signature is found, and named.
func TestVerifyAllFindsChangedSignatures(t *testing.T) {
	t.Parallel()
	p := setup(t)
	var ids []string
	for range 3 {
		s, err := p.use(p.anna.Token, p.Ticket(p.anna, p.anna, p.shown(p.one, "step.verify", "verified")), p.one, "step.verify", "verified")
		require.NoError(t, err)
		ids = append(ids, s.ID)
	}
	before := p.count(`select count(*) from ebr.signatures`) - len(ids)
	check := func() (verified int, found []string) {
		require.NoError(t, p.Trail.Read(p.Ctx, func(r *audit.Reader) (err error) {
			verified, err = signatures.VerifyAll(p.Ctx, r, func(id string, why error) { found = append(found, id+": "+fault.As(why).Message) })
			return err
		}))
		return verified - before, found
	}
	verified, found := check()
	require.Equal(t, 3, verified)
	require.Empty(t, found)

	for _, sql := range []string{"alter table ebr.signatures disable trigger all", "update ebr.signatures set meaning = 'released' where id = '" + ids[1] + "'",
		"alter table audit.contents disable trigger all",
		"update audit.contents set bytes = set_byte(bytes, 20, get_byte(bytes, 20) # 1) where digest = (select manifest_digest from ebr.signatures where id = '" + ids[2] + "')"} {
		_, err := p.super.Exec(p.Ctx, sql)
		require.NoError(t, err)
	}
	verified, found = check()
	require.Equal(t, 1, verified)
	require.Equal(t, []string{ids[1] + ": The signature was made with the meaning verified.", ids[2] + ": The signature does not fit its manifest."}, found)

	_, err := p.super.Exec(p.Ctx, "set session_replication_role = replica; delete from audit.contents where digest = (select manifest_digest from ebr.signatures where id = '"+ids[0]+"')")
	require.NoError(t, err)
	verified, found = check()
	require.Equal(t, 0, verified)
	require.Len(t, found, 3, "a signature whose manifest was taken away is found, not left out")
	require.Contains(t, strings.Join(found, "\n"), ids[0]+": The signature has lost its statement or its manifest.")
}

// The server itself cannot change or remove what was signed.
func TestSignaturesAreInsertOnly(t *testing.T) {
	t.Parallel()
	p := setup(t)
	s, err := p.use(p.anna.Token, p.Ticket(p.anna, p.anna, p.shown(p.one, "step.verify", "verified")), p.one, "step.verify", "verified")
	require.NoError(t, err)
	app := p.DB.App(t)
	for _, sql := range []string{`update ebr.signatures set meaning = 'released' where id = $1`, `delete from ebr.signatures where id = $1`,
		`update ebr.tickets set expires_at = 'infinity' where id <> $1`, `update ebr.signing_keys set public_key = '\x' where id <> $1::text`, `delete from audit.contents where $1 <> ''`} {
		_, err := app.Exec(p.Ctx, sql, s.ID)
		require.ErrorContains(t, err, "42501", sql)
	}
}

// A new site key does not make old signatures unreadable.
func TestKeysStayForEver(t *testing.T) {
	t.Parallel()
	p := setup(t)
	sign := func() signatures.Signature {
		s, err := p.use(p.anna.Token, p.Ticket(p.anna, p.anna, p.shown(p.one, "step.verify", "verified")), p.one, "step.verify", "verified")
		require.NoError(t, err)
		return s
	}
	first := sign()
	next, err := keyring.Open(t.TempDir())
	require.NoError(t, err)
	p.Desk.Key = next
	_, err = p.use(p.anna.Token, p.Ticket(p.anna, p.anna, p.shown(p.one, "step.verify", "verified")), p.one, "step.verify", "verified")
	requireFault(t, err, fault.Refused, "key that is not recorded")
	_, err = signatures.RegisterKey(p.Ctx, p.Trail, next, false)
	requireFault(t, err, fault.NotReady, "--new-site-key")
	for range 2 {
		former, err := signatures.RegisterKey(p.Ctx, p.Trail, next, true)
		require.NoError(t, err)
		require.Len(t, former, 1, "the key before it")
	}
	require.Len(t, p.Entries(audit.Site, "key.register"), 2, "one entry per key")
	second := sign()
	require.NotEqual(t, first.KeyID, second.KeyID)
	require.NoError(t, p.Trail.Read(p.Ctx, func(r *audit.Reader) error {
		verified, err := signatures.VerifyAll(p.Ctx, r, func(id string, why error) { t.Errorf("%s: %v", id, why) })
		require.Equal(t, p.count(`select count(*) from ebr.signatures`), verified)
		return err
	}))
}
