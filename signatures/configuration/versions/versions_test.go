package versions_test

import (
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/internal/pgtest"
	"veribatch/signatures"
	"veribatch/signatures/access"
	"veribatch/signatures/accounts"
	"veribatch/signatures/configuration"
	"veribatch/signatures/configuration/versions"
	"veribatch/signatures/signtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// office is a world with the people who change its configuration.
type office struct {
	*signtest.World
	quinn, quirl, sue, olga signtest.Person // QA, QA, supervisor, operator
}

func newOffice(t testing.TB) *office {
	t.Helper()
	w := signtest.New(t)
	w.Ready(w.Admin)
	return &office{World: w, quinn: w.Person("quinn.adler", access.QA), quirl: w.Person("quirl.moss", access.QA), sue: w.Person("sue.major", access.Supervisor),
		olga: w.Person("olga.brandt", access.Operator)}
}

func (o *office) settings() (s configuration.Settings) {
	o.T.Helper()
	require.NoError(o.T, o.Trail.Read(o.Ctx, func(r *audit.Reader) (err error) {
		s, err = configuration.Read(o.Ctx, r)
		return err
	}))
	return s
}

// states writes the state of every configuration, oldest first.
func (o *office) states() string {
	o.T.Helper()
	var list []versions.Version
	require.NoError(o.T, o.Trail.Read(o.Ctx, func(r *audit.Reader) (err error) {
		list, err = versions.List(o.Ctx, r, time.Now())
		return err
	}))
	var words []string
	for i := range list {
		words = append(words, string(list[len(list)-1-i].State))
	}
	return strings.Join(words, ", ")
}

// clean says that trail, records and signatures agree.
func (o *office) clean() {
	o.T.Helper()
	report, err := o.Trail.Verify(o.Ctx)
	require.NoError(o.T, err)
	require.Empty(o.T, report.Findings)
	require.NoError(o.T, o.Trail.Read(o.Ctx, func(r *audit.Reader) error {
		stored, err := signatures.Count(o.Ctx, r)
		require.NoError(o.T, err)
		placed, err := versions.VerifySignatures(o.Ctx, r, func(row string, why error) { o.T.Errorf("%s: %v", row, why) })
		require.NoError(o.T, err)
		inAccounts, err := accounts.VerifySignatures(o.Ctx, r, func(row string, why error) { o.T.Errorf("%s: %v", row, why) })
		require.NoError(o.T, err)
		require.Equal(o.T, stored, placed+inAccounts)
		return err
	}))
}

func refused(t *testing.T, err error, kind fault.Kind, words string) {
	t.Helper()
	require.Equal(t, kind, fault.KindOf(err), "%v", err)
	require.Contains(t, fault.As(err).Message, words)
}

// Every setting of the table can be proposed: the command has a field of its name, and no other of text but these.
func TestTheCommandHasOneFieldPerSetting(t *testing.T) {
	t.Parallel()
	var want, got []string
	for _, l := range configuration.Table() {
		want = append(want, l.Name)
	}
	c := reflect.TypeFor[versions.Propose]()
	for i := range c.NumField() {
		tag := c.Field(i).Tag
		require.Equal(t, tag.Get("json"), tag.Get("form"))
		if c.Field(i).Type.Kind() == reflect.String {
			got = append(got, tag.Get("json"))
		}
	}
	require.Equal(t, append(want, "from", "reason"), got)
}

func TestTwoSignaturesPutAConfigurationIntoForce(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	require.Equal(t, configuration.Defaults(), o.settings())

	require.NoError(t, o.Sign(o.sue, versions.Propose{IdleMinutes: "10", SeriesSigning: "on", LateMinutes: "5", Reason: "shared stations in the new hall"}))
	require.Equal(t, configuration.Defaults(), o.settings(), "a proposal changes nothing")
	st, err := o.Shown(versions.Approve{Configuration: "configuration-1"})
	require.NoError(t, err)
	var lines []string
	for _, l := range st.Lines {
		lines = append(lines, l.Label+": "+l.Value)
	}
	require.Equal(t, []string{"Configuration: 1", "Changes: the defaults of the program", "Idle time before a station locks: 15 min → 10 min", "Series signing: off → on",
		"Effective: with the approval", "Reason: shared stations in the new hall"}, lines[:6])
	require.Contains(t, lines[6], "Proposed by: Sue Major, 20")

	require.NoError(t, o.Sign(o.quinn, versions.Approve{Configuration: "configuration-1"}))
	want := configuration.Defaults()
	want.Version, want.IdleMinutes, want.SeriesSigning = 1, 10, true
	require.Equal(t, want, o.settings())

	require.NoError(t, o.Sign(o.quirl, versions.Propose{Seen: 1, IdleMinutes: "15", Reason: "back"}))
	require.NoError(t, o.Sign(o.quinn, versions.Approve{Configuration: "configuration-2"}))
	require.Equal(t, 15, o.settings().IdleMinutes)
	require.True(t, o.settings().SeriesSigning, "what a proposal leaves out stays as it was")
	require.Equal(t, "superseded, effective", o.states())
	rows := o.Entries(versions.Stream, "configuration.approve")
	require.Len(t, rows, 2)
	o.clean()
}

func TestWhoProposesDoesNotApprove(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	propose := versions.Propose{LockoutAttempts: "3", Reason: "audit finding"}
	require.NoError(t, o.Sign(o.quinn, propose))
	approve := versions.Approve{Configuration: "configuration-1"}
	refused(t, o.Sign(o.quinn, approve), fault.Refused, "You proposed configuration 1 yourself")
	refused(t, o.Sign(o.sue, approve), fault.Forbidden, "configuration.approve")
	refused(t, o.Sign(o.Admin, approve), fault.Forbidden, "configuration.approve")
	refused(t, o.Sign(o.olga, propose), fault.Forbidden, "configuration.propose")
	_, err := o.Run(o.quirl, "", approve)
	refused(t, err, fault.Refused, "needs a signature")
	require.Equal(t, "proposed", o.states())
	require.NoError(t, o.Sign(o.Admin, propose), "an administrator proposes, and QA approves")
	require.NoError(t, o.Sign(o.quirl, approve))
	refused(t, o.Sign(o.quirl, approve), fault.Conflict, "already effective")
	require.Equal(t, "effective, out of date", o.states())
	o.clean()
}

func TestStaleProposalsAreRefused(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	require.NoError(t, o.Sign(o.sue, versions.Propose{IdleMinutes: "5", Reason: "first"}))
	require.NoError(t, o.Sign(o.Admin, versions.Propose{IdleMinutes: "20", Reason: "second"}))
	require.NoError(t, o.Sign(o.quinn, versions.Approve{Configuration: "configuration-1"}))
	refused(t, o.Sign(o.quinn, versions.Approve{Configuration: "configuration-2"}), fault.Conflict, "Propose it again on the values of today")
	refused(t, o.Sign(o.sue, versions.Propose{Seen: 0, SessionHours: "8", Reason: "screen of before"}), fault.Conflict, "configuration 1")
	require.NoError(t, o.Sign(o.Admin, versions.Withdraw{Configuration: "configuration-2", Reason: "no longer needed"}))
	refused(t, o.Sign(o.Admin, versions.Withdraw{Configuration: "configuration-1", Reason: "x"}), fault.Conflict, "cannot be withdrawn")
	require.Equal(t, "effective, withdrawn", o.states())
	o.clean()
}

// A configuration approved for a later day waits, can be withdrawn until then, and the next one never begins before it.
func TestAConfigurationBeginsOnItsDay(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	day := time.Now().UTC().AddDate(0, 0, 40).Format(time.DateOnly)
	require.NoError(t, o.Sign(o.sue, versions.Propose{SessionHours: "8", From: day, Reason: "new shifts"}))
	require.NoError(t, o.Sign(o.quinn, versions.Approve{Configuration: "configuration-1"}))
	require.Equal(t, 12, o.settings().SessionHours)
	require.NoError(t, o.Sign(o.sue, versions.Propose{Seen: 1, BackupHours: "48", Reason: "after that"}))
	require.NoError(t, o.Sign(o.quinn, versions.Approve{Configuration: "configuration-2"}))
	require.Equal(t, configuration.Defaults(), o.settings())
	require.Equal(t, "approved, approved", o.states())
	refused(t, o.Sign(o.quinn, versions.Withdraw{Configuration: "configuration-1", Reason: "not yet"}), fault.Conflict, "cannot be withdrawn")
	require.NoError(t, o.Sign(o.quinn, versions.Withdraw{Configuration: "configuration-2", Reason: "not yet"}))
	require.NoError(t, o.Sign(o.quinn, versions.Withdraw{Configuration: "configuration-1", Reason: "not yet"}))
	require.NoError(t, o.Sign(o.sue, versions.Propose{SessionHours: "9", From: "2020-01-01", Reason: "a day that is over means: at once"}))
	require.NoError(t, o.Sign(o.quinn, versions.Approve{Configuration: "configuration-3"}))
	require.Equal(t, 9, o.settings().SessionHours)
	require.Equal(t, "withdrawn, withdrawn, effective", o.states())
	o.clean()
}

func TestProposalsThatSayNothingAreRefused(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	for _, c := range []struct {
		propose versions.Propose
		field   string
		words   string
	}{
		{versions.Propose{Reason: "why not"}, "", "Nothing is changed"},
		{versions.Propose{IdleMinutes: "15", Reason: "the same"}, "", "Nothing is changed"},
		{versions.Propose{IdleMinutes: "61", Reason: "more"}, "idle_minutes", "Allowed: 1 to 60 min"},
		{versions.Propose{PasswordCharacters: "7", Reason: "easy"}, "password_characters", "Allowed: 8 to 64 characters"},
		{versions.Propose{SeriesSigning: "yes", Reason: "easy"}, "series_signing", "on or off"},
		{versions.Propose{IdleMinutes: "10"}, "reason", "The reason is missing"},
		{versions.Propose{IdleMinutes: "10", From: "tomorrow", Reason: "x"}, "from", "not a day"},
		{versions.Propose{IdleMinutes: "10", From: "2026-02-30", Reason: "x"}, "from", "not a day"},
		{versions.Propose{IdleMinutes: "10", Reason: "\u202e"}, "reason", "cannot print"},
	} {
		_, err := o.Shown(c.propose)
		refused(t, err, fault.Invalid, c.words)
		require.Equal(t, c.field, fault.As(err).Field)
	}
	refused(t, o.Sign(o.sue, versions.Withdraw{Configuration: "configuration-9", Reason: "x"}), fault.Missing, "no such configuration")
}

// Of two approvals at once one wins; the other one finds that its proposal is out of date.
func TestOneOfTwoApprovalsWins(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	require.NoError(t, o.Sign(o.sue, versions.Propose{IdleMinutes: "5", Reason: "first"}))
	require.NoError(t, o.Sign(o.sue, versions.Propose{IdleMinutes: "20", Reason: "second"}))
	var errs [2]error
	var all sync.WaitGroup
	for i, one := range []versions.Approve{{Configuration: "configuration-1"}, {Configuration: "configuration-2"}} {
		all.Go(func() { errs[i] = o.Sign([]signtest.Person{o.quinn, o.quirl}[i], one) })
	}
	all.Wait()
	require.True(t, (errs[0] == nil) != (errs[1] == nil), "%v, %v", errs[0], errs[1])
	require.Contains(t, []string{"effective, out of date", "out of date, effective"}, o.states())
	o.clean()
}

// The database refuses by itself what the rules of Go would never try.
func TestTheDatabaseGuardsConfigurations(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	require.NoError(t, o.Sign(o.sue, versions.Propose{IdleMinutes: "5", Reason: "first"}))
	st, err := o.Shown(versions.Approve{Configuration: "configuration-1"})
	require.NoError(t, err)
	forge := func(who signtest.Person, act, sql string, sign bool) error {
		in := audit.Intent{Session: who.Token, Act: act, Home: versions.Stream}
		if sign {
			in.Ticket = o.Ticket(who, who, st)
		}
		_, err := o.Trail.Change(o.Ctx, in, func(tx *audit.Tx) error {
			signature := signatures.Signature{ID: "00000000-0000-0000-0000-000000000000"}
			if sign {
				var err error
				if signature, err = signatures.Sign(o.Ctx, tx, st); err != nil {
					return err
				}
			}
			_, err := tx.Exec(o.Ctx, sql, pgx.NamedArgs{"me": tx.Actor().Person, "now": tx.Now(), "s": signature.ID})
			return err
		})
		return err
	}
	const approve = `update ebr.configurations set state = 'approved', approved_by = @me, approved_at = @now, effective_at = @now, approve_signature = @s, version = version + 1`
	o.Trail.Check = nil // rights are not what is asked here
	for _, c := range []struct {
		name, act, sql, words string
		who                   signtest.Person
		sign                  bool
	}{
		{"unsigned", "configuration.approve", approve, "the signature of its entry", o.quinn, false},
		{"by the proposer", "configuration.approve", approve, "approved by QA", o.sue, true},
		{"by an operator", "configuration.approve", approve, "approved by QA", o.olga, true},
		{"with other values", "configuration.approve", strings.Replace(approve, "set ", `set settings = '{}', `, 1), "never rewritten", o.quinn, true},
		{"values alone", "configuration.approve", `update ebr.configurations set settings = '{"idle_minutes":"1"}', version = version + 1`, "never rewritten", o.quinn, true},
		{"before its approval", "configuration.approve", strings.Replace(approve, "effective_at = @now", "effective_at = '2020-01-01'", 1), "configurations_no_sooner", o.quinn, true},
		{"deleted", "configuration.approve", `delete from ebr.configurations`, "permission denied", o.quinn, true},
	} {
		err := forge(c.who, c.act, c.sql, c.sign)
		require.ErrorContains(t, err, c.words, c.name)
	}
	o.Trail.Check = access.Check
	require.NoError(t, o.Sign(o.quinn, versions.Approve{Configuration: "configuration-1"}))
	o.Trail.Check = nil
	const again = `update ebr.configurations set %s, version = version + 1`
	for set, words := range map[string]string{
		`settings = '{}'`: "never rewritten",
		`effective_at = effective_at + interval '1 day'`:                                                                                 "never rewritten",
		`state = 'proposed', approved_by = null, approved_at = null, approve_signature = null, effective_at = null`:                      "never rewritten",
		`state = 'withdrawn', withdrawn_by = @me, withdrawn_at = @now, withdraw_signature = @s, withdraw_reason = 'not wanted any more'`: "become effective",
	} {
		err := forge(o.quinn, "configuration.withdraw", strings.Replace(again, "%s", set, 1), false)
		require.Error(t, err)
		require.Contains(t, err.Error(), words, set)
	}
	require.Equal(t, "effective", o.states())
	o.clean()
}
