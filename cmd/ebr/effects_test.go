package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/ebr/batch"
	"veribatch/ebr/continuity"
	"veribatch/ebr/quality"
	"veribatch/internal/certificate"
	"veribatch/internal/fault"
	"veribatch/recipes"
	"veribatch/recipes/library"
	"veribatch/signatures"
	"veribatch/signatures/access"
	"veribatch/signatures/accounts"
	"veribatch/signatures/configuration"
	"veribatch/signatures/configuration/versions"
	"veribatch/signatures/identity"
	"veribatch/signatures/signtest"
	"veribatch/web"
)

// effect shows what one setting does: the same thing is tried under the default and under another value, which QA approves in between.
type effect struct {
	to            versions.Propose
	try           func(e *effects) string
	before, after string
}

// effects is the plant in which they are tried. Times pass by moving what is stored back.
type effects struct {
	*plant
	*signtest.World
	t       *testing.T
	people  int
	version string // of the recipe
	sue     signtest.Person
	quinn   signtest.Person
	office  string // id of a second station
	box     mailbox
}

// somebody is a new operator, logged in.
func (e *effects) somebody() signtest.Person {
	e.people++
	return e.Person(fmt.Sprintf("anna.keller%c%c", 'a'+e.people/26, 'a'+e.people%26), access.Operator)
}

// past moves times of a table back, past its triggers.
func (e *effects) past(table, set string, args ...any) {
	e.t.Helper()
	super := e.DB.Super(e.t)
	triggers := func(do string) {
		_, err := super.Exec(e.Ctx, fmt.Sprintf(`do $$ declare t name; begin
			for t in select tgname from pg_trigger where tgrelid = '%s'::regclass and not tgisinternal loop execute format('alter table %s %s trigger %%I', t); end loop; end $$`, table, table, do))
		require.NoError(e.t, err)
	}
	triggers("disable")
	defer triggers("enable always")
	_, err := super.Exec(e.Ctx, `update `+table+` set `+set, args...)
	require.NoError(e.t, err)
}

// session gives what is left of a session of which the column lies so long back.
func (e *effects) session(column, back string) string {
	anna := e.somebody()
	e.past("ebr.sessions", column+` = `+column+` - $1::interval where person = $2`, back, anna.ID)
	s, err := e.gate.Find(e.Ctx, anna.Token)
	switch {
	case err != nil:
		return "ended"
	case s.Locked:
		return "locked"
	case s.MustChange:
		return "new password first"
	}
	return "open"
}

// said gives the words of a refusal, or "done".
func said(err error) string {
	if err == nil {
		return "done"
	}
	return fault.As(err).Message
}

// wrong gives so many wrong passwords and what the last one is told.
func (e *effects) wrong(who signtest.Person, times int) string {
	var err error
	for range times {
		_, err = e.gate.LogIn(e.Ctx, who.UserName, "not the password", e.Station)
	}
	return said(err)
}

// batch is one that has run for an hour.
func (e *effects) batch() string {
	var made batch.Result
	require.NoError(e.t, json.Unmarshal(e.Do(e.sue, batch.CreateOrder{OrderNumber: fmt.Sprintf("PO-%d", e.people), RecipeVersion: e.version}).Result, &made))
	e.MustSign(e.quinn, batch.Issue{Batch: made.Batch})
	e.Do(e.somebody(), batch.Start{Batch: made.Batch})
	e.past("ebr.batch_history", `entered_at = entered_at - interval '1 hour' where batch = $1`, made.Batch)
	e.past("ebr.batches", `started_at = started_at - interval '1 hour', issued_at = issued_at - interval '1 hour' where id = $1`, made.Batch)
	return made.Batch
}

// performed performs the first step of a batch, done so long before now.
func (e *effects) performed(ago time.Duration) string {
	_, err := e.Run(e.somebody(), "", batch.Perform{Batch: e.batch(), Step: "010", PerformedAt: time.Now().Add(-ago).Format("2006-01-02T15:04:05")})
	return said(err)
}

// alarm gives what is said about a good one that ended so many hours ago.
func (e *effects) alarm(kind continuity.Kind, hours int) string {
	at := time.Now().Add(-time.Duration(hours) * time.Hour)
	require.NoError(e.t, continuity.File(e.Ctx, e.trail, continuity.Report{
		ID: audit.NewID(), Kind: kind, Good: true, Name: "20261101T000000Z", Place: "/second", Digest: strings.Repeat("0", 64), Began: at, Ended: at, Result: "Good.",
	}))
	for _, a := range ask(e, continuity.Alarms) {
		if strings.Contains(a.Words.String(), string(kind)) {
			return a.Words.String()
		}
	}
	return "quiet"
}

// ask reads something in a snapshot.
func ask[V any](e *effects, read func(context.Context, audit.Querier) (V, error)) (value V) {
	e.t.Helper()
	require.NoError(e.t, e.trail.Read(e.Ctx, func(r *audit.Reader) (err error) {
		value, err = read(e.Ctx, r)
		return err
	}))
	return value
}

// signs signs something with user name and password, then something with the password alone.
func (e *effects) signs() string {
	anna := e.somebody()
	sign := func(userName string) error {
		_, err := e.Desk.Issue(e.Ctx, signatures.Request{Session: anna.Token, UserName: userName, Password: anna.Password, Statement: signatures.Statement{
			Version: signatures.StatementVersion, Act: "step.perform", Meaning: "performed", Language: "en",
			Records: []signatures.RecordRef{{Stream: string(identity.StationStream(e.Station)), ID: e.Station, Version: 1}}, Lines: []signatures.Line{{Label: "Name", Value: "Granulation 1"}},
		}})
		return err
	}
	require.NoError(e.t, sign(anna.UserName))
	return said(sign(""))
}

// unseen is what stands against the release of a batch for want of witnesses.
func (e *effects) unseen() string {
	batch := e.batch()
	for _, words := range ask(e, func(ctx context.Context, q audit.Querier) ([]string, error) { return quality.Blockers(ctx, q, batch) }) {
		if strings.Contains(words, "itness") {
			return words
		}
	}
	return "quiet"
}

// screen is what somebody sees who is not logged in.
func (e *effects) screen() string {
	desk := e.desk
	desk.Key = e.Desk.Key
	site, err := web.New(web.Config{Trail: e.trail, Gate: e.gate, Desk: desk, Keyring: desk.Key, Log: e.log})
	require.NoError(e.t, err)
	answer := httptest.NewRecorder()
	site.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/login", nil))
	return answer.Body.String()
}

func (e *effects) certificateEnds(in time.Duration) string {
	own, err := certificate.Own(e.t.TempDir(), []string{"plant7"})
	require.NoError(e.t, err)
	own.Leaf().NotAfter = time.Now().Add(in)
	e.certificate = own
	if len(ask(e, e.certificateAlarms)) == 0 {
		return "quiet"
	}
	return "alarm"
}

const day = 24 * time.Hour

var settingEffects = map[string]effect{
	"idle_minutes":     {versions.Propose{IdleMinutes: "5"}, func(e *effects) string { return e.session("seen_at", "6 minutes") }, "open", "locked"},
	"session_hours":    {versions.Propose{SessionHours: "8"}, func(e *effects) string { return e.session("opened_at", "9 hours") }, "open", "ended"},
	"lockout_attempts": {versions.Propose{LockoutAttempts: "3"}, func(e *effects) string { return e.wrong(e.somebody(), 3) }, "2 tries are left", "locked until"},
	"lockout_minutes": {versions.Propose{LockoutMinutes: "45"}, func(e *effects) string {
		anna, minutes := e.somebody(), 0.0
		e.wrong(anna, 5)
		require.NoError(e.t, e.DB.Super(e.t).QueryRow(e.Ctx, `select extract(epoch from locked_until - clock_timestamp()) / 60 from ebr.credentials where id = $1`, anna.ID).Scan(&minutes))
		return fmt.Sprintf("%.0f minutes", minutes)
	}, "15 minutes", "45 minutes"},
	"password_characters": {versions.Propose{PasswordCharacters: "20"}, func(e *effects) string {
		anna := e.somebody()
		return said(e.gate.ChangePassword(e.Ctx, anna.Token, anna.Password, "ocean kettle 93"))
	}, "done", "needs at least 20"},
	"password_days": {versions.Propose{PasswordDays: "90"}, func(e *effects) string {
		anna := e.somebody()
		e.past("ebr.credentials", `changed_at = changed_at - interval '91 days' where id = $1`, anna.ID)
		s, err := e.gate.Find(e.Ctx, anna.Token)
		require.NoError(e.t, err)
		return fmt.Sprint("must change: ", s.MustChange)
	}, "must change: false", "must change: true"},
	"series_signing": {versions.Propose{SeriesSigning: "on"}, (*effects).signs, "there is no series of signatures in this session", "done"},
	"one_station": {versions.Propose{OneStation: "on"}, func(e *effects) string {
		anna := e.somebody()
		e.LogIn(anna, e.office)
		_, err := e.gate.Find(e.Ctx, anna.Token)
		return said(err)
	}, "done", "not logged in"},
	"late_minutes":  {versions.Propose{LateMinutes: "2"}, func(e *effects) string { return e.performed(3 * time.Minute) }, "done", "more than 2 minutes after the act"},
	"clock_seconds": {versions.Propose{ClockSeconds: "5"}, func(e *effects) string { return e.performed(-40 * time.Second) }, "done", "lies in the future"},
	"reason_characters": {versions.Propose{ReasonCharacters: "10"}, func(e *effects) string {
		_, err := e.Run(e.somebody(), "", batch.Comment{Batch: e.batch(), Text: "short"})
		return said(err)
	}, "done", "at least 10 characters"},
	"review_months": {versions.Propose{ReviewMonths: "3"}, func(e *effects) string {
		due := ask(e, func(ctx context.Context, q audit.Querier) (due time.Time, err error) {
			due, _, err = accounts.ReviewDue(ctx, q)
			return due, err
		})
		return fmt.Sprintf("due in %d months", int(time.Until(due)/day+15)/30)
	}, "due in 12 months", "due in 3 months"},
	"token_days": {versions.Propose{TokenDays: "30"}, func(e *effects) string {
		e.people++
		c := identity.CreateToken{UserName: fmt.Sprintf("scale.d%d", e.people), FullName: fmt.Sprintf("Scale D%d", e.people), Purpose: "weights", Acts: []string{"batch.read"}, Days: 60}
		c.Mint()
		_, err := e.Run(e.Admin, "", c)
		return said(err)
	}, "done", "lives 1 to 30 days"},
	"backup_hours":     {versions.Propose{BackupHours: "48"}, func(e *effects) string { return e.alarm(continuity.Backup, 30) }, "the limit is 26 h", "quiet"},
	"drill_days":       {versions.Propose{DrillDays: "7"}, func(e *effects) string { return e.alarm(continuity.Drill, 8*24) }, "quiet", "the limit is 7 days"},
	"certificate_days": {versions.Propose{CertificateDays: "60"}, func(e *effects) string { return e.certificateEnds(40 * day) }, "quiet", "alarm"},
	"witness_quorum":   {versions.Propose{WitnessQuorum: "2"}, (*effects).unseen, "quiet", "Witnesses that must have seen the audit trail: 2. The server asks 0."},
	"screen_language":  {versions.Propose{ScreenLanguage: "de"}, (*effects).screen, `<html lang="en"`, `<html lang="de"`},
	"mail_server": {versions.Propose{MailServer: mailAt, MailSender: "ebr@plant.test", MailRecipients: "qa@plant.test"}, func(e *effects) string {
		return e.mailed(versions.Propose{})
	}, "nothing", "from ebr@plant.test to qa@plant.test"},
	"mail_encryption": {versions.Propose{MailEncryption: "none"}, func(e *effects) string {
		return e.mailed(versions.Propose{MailServer: mailAt})
	}, "with TLS", "in the clear"},
	"mail_sender": {versions.Propose{MailSender: "plant@plant.test"}, func(e *effects) string {
		return e.mailed(versions.Propose{MailServer: mailAt})
	}, "from ebr@plant.test", "from plant@plant.test"},
	"mail_recipients": {versions.Propose{MailRecipients: "it@plant.test"}, func(e *effects) string {
		return e.mailed(versions.Propose{MailServer: mailAt, MailSender: "ebr@plant.test"})
	}, "to qa@plant.test", "to it@plant.test"},
}

// TestEverySettingHasItsEffect: a setting that does nothing is not in the table, and one that is shows what it does, under its default and under
// another value that two persons signed.
func TestEverySettingHasItsEffect(t *testing.T) {
	t.Parallel()
	p, w := newPlant(t)
	e := &effects{plant: p, World: w, t: t, sue: w.Person("sue.major", access.Supervisor), quinn: w.Person("quinn.adler", access.QA), office: w.AddStation("Office 2")}
	pete := w.Person("pete.engel", access.ProcessEngineer)
	w.Ready(w.Admin)
	var made recipes.Result
	require.NoError(t, json.Unmarshal(w.Do(pete, recipes.Import{Text: string(library.Text(library.BufferTour))}).Result, &made))
	w.MustSign(pete, recipes.Submit(made))
	w.MustSign(e.sue, recipes.Approve(made))
	w.MustSign(e.quinn, recipes.MakeEffective(made))
	e.version = made.Version
	for _, l := range configuration.Table() {
		c, known := settingEffects[l.Name]
		require.True(t, known, "the setting %s has no line in settingEffects: show what it does, or take it out of the table", l.Name)
		require.Contains(t, c.try(e), c.before, "%s: the default", l.Name)
		w.Configure(c.to)
		require.Contains(t, c.try(e), c.after, "%s: changed", l.Name)
		back := versions.Propose{}
		require.NoError(t, json.Unmarshal(fmt.Appendf(nil, "{%q: %q}", l.Name, l.Text(configuration.Defaults())), &back))
		w.Configure(back)
	}
}
