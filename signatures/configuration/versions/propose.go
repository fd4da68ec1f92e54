package versions

import (
	"context"
	"reflect"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/internal/plaintext"
	"veribatch/signatures"
	"veribatch/signatures/configuration"
)

// Propose writes down settings for QA to approve: one field per line of the table; what is left empty stays as it is.
type Propose struct {
	Seen               int    `json:"seen" form:"seen"` // number of the configuration whose values the screen showed; 0 for the defaults
	IdleMinutes        string `json:"idle_minutes" form:"idle_minutes"`
	SessionHours       string `json:"session_hours" form:"session_hours"`
	LockoutAttempts    string `json:"lockout_attempts" form:"lockout_attempts"`
	LockoutMinutes     string `json:"lockout_minutes" form:"lockout_minutes"`
	PasswordCharacters string `json:"password_characters" form:"password_characters"`
	PasswordDays       string `json:"password_days" form:"password_days"`
	SeriesSigning      string `json:"series_signing" form:"series_signing"` // on, off
	OneStation         string `json:"one_station" form:"one_station"`       // on, off
	LateMinutes        string `json:"late_minutes" form:"late_minutes"`
	ClockSeconds       string `json:"clock_seconds" form:"clock_seconds"`
	ReasonCharacters   string `json:"reason_characters" form:"reason_characters"`
	ReviewMonths       string `json:"review_months" form:"review_months"`
	TokenDays          string `json:"token_days" form:"token_days"`
	BackupHours        string `json:"backup_hours" form:"backup_hours"`
	DrillDays          string `json:"drill_days" form:"drill_days"`
	CertificateDays    string `json:"certificate_days" form:"certificate_days"`
	WitnessQuorum      string `json:"witness_quorum" form:"witness_quorum"`
	ScreenLanguage     string `json:"screen_language" form:"screen_language"` // en, de
	MailServer         string `json:"mail_server" form:"mail_server"`         // host:port, none
	MailEncryption     string `json:"mail_encryption" form:"mail_encryption"` // starttls, tls, none
	MailSender         string `json:"mail_sender" form:"mail_sender"`
	MailRecipients     string `json:"mail_recipients" form:"mail_recipients"` // joined by commas
	From               string `json:"from" form:"from"`                       // day, 2026-12-01, at whose beginning in UTC it becomes effective; "" = with the approval
	Reason             string `json:"reason" form:"reason"`
}

// Result is what an act leaves for its answer.
type Result struct {
	Configuration string `json:"configuration"`
}

// Act is the word of the act.
func (Propose) Act() string { return "configuration.propose" }

// Home is the stream of the configurations.
func (Propose) Home() audit.Stream { return Stream }

// Why is the reason for the entry.
func (c Propose) Why() string { return c.Reason }

// Statement is what the proposer reads and signs.
func (c Propose) Statement(ctx context.Context, q audit.Querier) (signatures.Statement, error) {
	now, err := audit.DatabaseTime(ctx, q)
	if err != nil {
		return signatures.Statement{}, err
	}
	list, err := List(ctx, q, now)
	if err != nil {
		return signatures.Statement{}, err
	}
	v, err := c.draft(list)
	return v.words(c.Act(), "proposed"), err
}

// draft makes the configuration that this proposal would be.
func (c Propose) draft(list []Version) (v Version, err error) {
	base := newestOf(list)
	if c.Seen != base.Number {
		return v, fault.New(fault.Conflict, "Another configuration was approved since you opened the page: %s. Look at its values, then propose again.", base.Name())
	}
	v = Version{Number: 1, Base: base.Number, Before: Newest(list), BaseAt: base.EffectiveAt, Row: 1}
	if len(list) > 0 {
		v.Number = list[0].Number + 1
	}
	v.ID = "configuration-" + strconv.Itoa(v.Number)
	if v.Settings, err = c.settings(v.Before); err != nil {
		return v, err
	}
	if v.Settings.Version = v.Number; len(v.Changes()) == 0 {
		return v, fault.New(fault.Invalid, "Nothing is changed. Type the new value of at least one setting.")
	}
	if c.From != "" {
		if v.From, err = time.Parse(time.DateOnly, c.From); err != nil || v.From.Year() < 2000 {
			return v, fault.At("from", "This is not a day. Type it like 2026-12-01, or leave the field empty.")
		}
	}
	if v.Reason, err = plaintext.Reason("reason", c.Reason, plaintext.MaxComment); err == nil && v.Reason == "" {
		err = fault.At("reason", "The reason is missing. Type why the configuration should change.")
	}
	return v, err
}

// settings puts what was typed over the values before.
func (c Propose) settings(before configuration.Settings) (configuration.Settings, error) {
	after, typed := before, map[string]string{}
	fields := reflect.ValueOf(c)
	for i := range fields.NumField() {
		if fields.Field(i).Kind() == reflect.String {
			typed[fields.Type().Field(i).Tag.Get("json")] = fields.Field(i).String()
		}
	}
	for _, l := range configuration.Table() {
		if typed[l.Name] == "" {
			continue
		}
		if err := l.Set(&after, typed[l.Name]); err != nil {
			return after, err
		}
	}
	return after, after.Check()
}

const insertVersion = `insert into ebr.configurations (id, number, base, settings, reason, wanted_from, state, proposed_by, proposed_at, propose_signature)
	values (@id, @number, @base, @settings, @reason, @from, 'proposed', @person, @now, @signature)`

// Do keeps the proposal, signed.
func (c Propose) Do(ctx context.Context, tx *audit.Tx) error {
	list, err := List(ctx, tx, tx.Now())
	if err != nil {
		return err
	}
	v, err := c.draft(list)
	if err != nil {
		return err
	}
	signature, err := signatures.Sign(ctx, tx, v.words(c.Act(), "proposed"))
	if err != nil {
		return err
	}
	var from *time.Time
	if !v.From.IsZero() {
		from = &v.From
	}
	v.note(tx, Proposed)
	_, err = tx.Exec(ctx, insertVersion, pgx.NamedArgs{
		"id": v.ID, "number": v.Number, "base": v.Base, "settings": v.Settings.Values(), "reason": v.Reason, "from": from,
		"person": tx.Actor().Person, "now": tx.Now(), "signature": signature.ID,
	})
	return err
}
