// Package configuration owns the settings that the quality unit approves: what they are called, what they mean, how far they may go, and
// which values are in force now. It does not own how a configuration comes to be proposed and approved (configuration/versions), nor the
// wiring of the server, which is given on its command line. Start reading at Settings and Table, then Read.
package configuration

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/internal/language"
)

// Settings are the values of one configuration. Each is described, with its limits and its default, by its line of Table. Values count from
// the next act on: whoever judges an act reads them in the transaction of the act.
type Settings struct {
	Version int // number of the configuration; 0: nobody has approved one yet, the defaults are in force

	IdleMinutes        int  // minutes without a touch after which a station locks
	SessionHours       int  // hours after which a session ends, however busy
	LockoutAttempts    int  // wrong passwords in a row that lock the account
	LockoutMinutes     int  // minutes for which it stays locked, and within which wrong passwords count
	PasswordCharacters int  // shortest password, in characters
	PasswordDays       int  // days after which a password has to be changed; 0 = never
	SeriesSigning      bool // the second and later signatures in one session ask only for the password
	OneStation         bool // logging in ends the sessions that the person has at other stations
	LateMinutes        int  // minutes after the act from which an entry counts as late and needs a reason
	ClockSeconds       int  // seconds by which clocks may differ
	ReasonCharacters   int  // shortest reason or comment, in characters
	ReviewMonths       int  // months from one access review to the next
	TokenDays          int  // longest life of a token for machines, in days
	BackupHours        int  // hours without a backup that raise an alarm
	DrillDays          int  // days without a drill of the restore that raise an alarm
	CertificateDays    int  // days before the end of the server's certificate from which on there is an alarm
	WitnessQuorum      int  // witnesses that must have seen the audit trail before a batch is released

	Language Language // of the screens

	MailServer     Server     // where incidents and alarms are mailed through
	MailEncryption Encryption // of the connection to it
	MailSender     Address    // of what the system mails
	MailRecipients Addresses  // of incidents and alarms
}

// PasswordTooOld says that a password has been used for longer than the configuration lets it, in seconds (21 CFR 11.300(b)). Its owner logs in and sets
// a new one, and does nothing else before.
func (s Settings) PasswordTooOld(seconds float64) bool {
	return s.PasswordDays > 0 && seconds > float64(s.PasswordDays)*24*60*60
}

// Setting is one line of the table from which screen, API, guide and checks come.
type Setting struct {
	Name    string // "idle_minutes": the field of form and API, and the key in the record
	Label   string
	Unit    string // of a number; "" for one that is on or off, or in words
	Least   int    // limits that no plant goes beyond; of words, their characters
	Most    int
	Default int // 0 and 1 are off and on where Unit is ""
	Meaning string
	Source  string // the clause that asks for it

	value func(*Settings) any // *int, *bool or worded
}

// mostWitnesses is how many witnesses a log can have (keeper.MostWitnesses, docs/auditor.md).
const mostWitnesses = 14

// Table lists all settings in the order in which people read them. A setting has an effect, or it is not here.
func Table() []Setting { return table }

var table = []Setting{
	{"idle_minutes", "Idle time before a station locks", "min", 1, 60, 15,
		"A station that nobody touches for so long shows nothing and asks for the password of its person.",
		"21 CFR 11.200(a)(1), 11.10(d)", func(s *Settings) any { return &s.IdleMinutes }},
	{"session_hours", "Longest session", "h", 1, 24, 12,
		"A session ends after so long, however busy its person is: log in again, with user name and password.",
		"21 CFR 11.10(d)", func(s *Settings) any { return &s.SessionHours }},
	{"lockout_attempts", "Wrong passwords that lock an account", "", 3, 10, 5,
		"So many wrong passwords, at log-in, unlock and signature together, lock the account.",
		"21 CFR 11.300(d)", func(s *Settings) any { return &s.LockoutAttempts }},
	{"lockout_minutes", "Time for which an account stays locked", "min", 5, 1440, 15,
		"The account opens by itself after so long. Wrong passwords further apart than this do not count together.",
		"21 CFR 11.300(d)", func(s *Settings) any { return &s.LockoutMinutes }},
	{"password_characters", "Shortest password", "characters", 8, 64, 12,
		"Counts for new passwords; passwords that people have stay as they are.",
		"21 CFR 11.300(b), NIST SP 800-63B 5.1.1.2", func(s *Settings) any { return &s.PasswordCharacters }},
	{"password_days", "Longest use of one password (0: no limit)", "days", 0, 730, 0,
		"Whoever has used a password for longer has to change it before anything else, and signs with it nowhere.",
		"21 CFR 11.300(b)", func(s *Settings) any { return &s.PasswordDays }},
	{"series_signing", "Series signing", "", 0, 1, 0,
		"When on, a person signs with user name and password once in a session and then, as long as the session goes on without a lock, with the password alone.",
		"21 CFR 11.200(a)(1)(i)", func(s *Settings) any { return &s.SeriesSigning }},
	{"one_station", "One station at a time", "", 0, 1, 0,
		"When on, who logs in at a station is logged out everywhere else, so that one account is never in use at two places. When off, the entry of the log-in names the other stations.",
		"21 CFR 11.100(a), 11.300(a)", func(s *Settings) any { return &s.OneStation }},
	{"late_minutes", "An entry counts as late after", "min", 1, 120, 5,
		"A reading or step that is entered later than this after it was done needs a reason, and the record marks it as a late entry.",
		"EU GMP Chapter 4 clause 4.8, 21 CFR 211.188(b)", func(s *Settings) any { return &s.LateMinutes }},
	{"clock_seconds", "Largest difference of clocks", "s", 1, 300, 60,
		"The time at which something was done may lie ahead of the server's clock by no more than this; a server whose clock is further off takes no work. Nobody signs beyond 2 s.",
		"21 CFR 11.10(e), EU GMP Annex 11 clause 9", func(s *Settings) any { return &s.ClockSeconds }},
	{"reason_characters", "Shortest reason", "characters", 1, 40, 1,
		"A reason or a comment in a batch (correction, repeat, late entry, hold, deviation from alert limits) has at least so many characters.",
		"EU GMP Annex 11 clause 9", func(s *Settings) any { return &s.ReasonCharacters }},
	{"review_months", "Time from one access review to the next", "months", 1, 24, 12,
		"After so long the review of all accounts and their rights is due.",
		"EU GMP Annex 11 clauses 11 and 12.3", func(s *Settings) any { return &s.ReviewMonths }},
	{"token_days", "Longest life of a token for machines", "days", 1, 730, 365,
		"A token for the API is never given for longer.",
		"21 CFR 11.300(c)", func(s *Settings) any { return &s.TokenDays }},
	{"backup_hours", "Alarm without a backup after", "h", 1, 168, 26,
		"Every page shows an alarm when the last good backup is older than this.",
		"EU GMP Annex 11 clause 7.2", func(s *Settings) any { return &s.BackupHours }},
	{"drill_days", "Alarm without a restore drill after", "days", 7, 400, 100,
		"Every page shows an alarm when the last drill, in which a backup was restored and checked, is older than this.",
		"EU GMP Annex 11 clause 7.2", func(s *Settings) any { return &s.DrillDays }},
	{"certificate_days", "Alarm before the certificate ends", "days", 1, 90, 30,
		"Every page shows an alarm when the server's certificate ends within so many days.",
		"21 CFR 11.30", func(s *Settings) any { return &s.CertificateDays }},
	{"witness_quorum", "Witnesses that must have seen the log", "", 0, mostWitnesses, 0,
		"When fewer witnesses than this are asked by the server, or have seen the log within 5 minutes, there is an alarm and no batch is released, whatever the server's command line says. 0: releases wait for no witness.",
		"21 CFR 11.10(c), EU GMP Annex 11 clauses 7.1 and 9", func(s *Settings) any { return &s.WitnessQuorum }},
	{"screen_language", "Language of the screens", "", 2, 7, 2,
		"Screens and their messages speak it, for everybody. Recipes stay as they are written; records, statements to sign, the audit trail, reports, mail and the API stay in English.",
		"EU GMP Chapter 4 clause 4.4", func(s *Settings) any { return &s.Language }},
	{"mail_server", "Server for mail", "", 4, 260, 4,
		"Each new incident, and each alarm when it begins, is mailed through this server: number, kind and address of the page, and no value of a record. With none, nothing is mailed.",
		"EU GMP Annex 11 clause 13", func(s *Settings) any { return &s.MailServer }},
	{"mail_encryption", "Encryption of mail", "", 3, 8, 8,
		"starttls: the connection goes on with TLS or not at all; tls: it begins with TLS; none: only to a server on this machine.",
		"21 CFR 11.30", func(s *Settings) any { return &s.MailEncryption }},
	{"mail_sender", "Sender of mail", "", 3, longestAddress, 4,
		"The address from which the system writes.",
		"EU GMP Annex 11 clause 13", func(s *Settings) any { return &s.MailSender }},
	{"mail_recipients", "Recipients of incidents and alarms", "", 3, mostAddresses * (longestAddress + 1), 4,
		"Each of them gets each mail on its own. Who is no longer responsible is taken off by a change of the configuration.",
		"EU GMP Annex 11 clause 13", func(s *Settings) any { return &s.MailRecipients }},
}

// Defaults are in force until the first configuration is approved.
func Defaults() Settings {
	var s Settings
	for _, line := range table {
		line.put(&s, line.Default)
	}
	return s
}

// OnOff tells whether the setting is a switch and not a number.
func (l Setting) OnOff() bool { _, is := l.value(&Settings{}).(*bool); return is }

// InWords tells whether the value is text and no number.
func (l Setting) InWords() bool { _, is := l.value(&Settings{}).(worded); return is }

// put sets a number or a switch; words begin with their zero value, which means none.
func (l Setting) put(s *Settings, n int) {
	switch field := l.value(s).(type) {
	case *int:
		*field = n
	case *bool:
		*field = n != 0
	}
}

// Text gives the value of the setting as it stands in the record, a form and the API: "15", "on".
func (l Setting) Text(s Settings) string {
	switch field := l.value(&s).(type) {
	case *bool:
		if *field {
			return "on"
		}
		return "off"
	case *int:
		return strconv.Itoa(*field)
	case worded:
		return field.text()
	}
	return ""
}

// Words gives a value with its unit, "15 min".
func (l Setting) Words(s Settings) string { return l.amount(l.Text(s)) }

func (l Setting) amount(text string) string { return strings.TrimSpace(text + " " + l.UnitOf(text)) }

// UnitOf gives the unit as it stands behind a number: of one, "day" and not "days".
func (l Setting) UnitOf(text string) string {
	if text == "1" && len(l.Unit) > 1 {
		return strings.TrimSuffix(l.Unit, "s")
	}
	return l.Unit
}

// Limits gives in words how far the setting may go.
func (l Setting) Limits() string { return l.Allowed().String() }

// Allowed says the same to a reader of another language.
func (l Setting) Allowed() language.Text {
	words, is := l.value(&Settings{}).(worded)
	switch {
	case l.OnOff():
		return language.Write("on or off")
	case is:
		return language.Write(words.allowed())
	case l.Unit == "":
		return language.Write("%d to %d", l.Least, l.Most)
	}
	return language.Write("%d to %d %s", l.Least, l.Most, language.Word(l.Unit))
}

// Set puts a value given as text into the settings. What is no value, or goes beyond the limits, is refused at the field of the setting.
func (l Setting) Set(s *Settings, text string) error {
	label := language.Word(l.Label)
	if words, is := l.value(s).(worded); is {
		if err := words.put(text); err != nil {
			return fault.At(l.Name, "%s: %s.", label, err)
		}
		return nil
	}
	n, err := strconv.Atoi(text)
	switch {
	case l.OnOff() && (text == "on" || text == "off"):
		l.put(s, len("off")-len(text))
		return nil
	case l.OnOff():
		return fault.At(l.Name, "%s is on or off.", label)
	case err != nil || strconv.Itoa(n) != text:
		return fault.At(l.Name, "%s: type a whole number from %s.", label, l.Allowed())
	case n < l.Least || n > l.Most:
		return fault.At(l.Name, "%s: %s is beyond what any plant may set. Allowed: %s.", label, l.amount(text), l.Allowed())
	}
	l.put(s, n)
	return nil
}

// Values gives all settings as they stand in the record.
func (s Settings) Values() map[string]string {
	values := map[string]string{}
	for _, l := range table {
		values[l.Name] = l.Text(s)
	}
	return values
}

// Of reads the values of a record. A setting that the record does not know, because it came with a later release, has its default; one
// that goes beyond a limit that was narrowed since has that limit.
func Of(version int, values map[string]string) (Settings, error) {
	s := Defaults()
	s.Version = version
	for _, l := range table {
		text, known := values[l.Name]
		if !known {
			continue
		}
		if n, err := strconv.Atoi(text); err == nil && !l.OnOff() && !l.InWords() {
			l.put(&s, min(max(n, l.Least), l.Most))
		} else if err := l.Set(&s, text); err != nil {
			return s, fmt.Errorf("configuration %d: %w", version, err)
		}
	}
	return s, nil
}

const inForce = `select number, settings from ebr.configuration_in_force`

// Read gives the settings in force at this moment; one row by an index. A new configuration counts for every server of the database at once.
func Read(ctx context.Context, q audit.Querier) (Settings, error) {
	var number int
	var values map[string]string
	err := q.QueryRow(ctx, inForce).Scan(&number, &values)
	if errors.Is(err, pgx.ErrNoRows) {
		return Defaults(), nil
	}
	if err != nil {
		return Settings{}, err
	}
	return Of(number, values)
}
