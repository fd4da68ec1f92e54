package quality

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"time"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/signatures/configuration"
)

// Letter is a mail to one recipient about an incident or an alarm. It names number, kind and address, and no value of a record.
type Letter struct {
	ID, About, Recipient, Subject, Body string
	WrittenAt                           time.Time
	Tries                               int // so far
}

// Notice is an alarm about the system, as its page says it.
type Notice struct{ Words, Link string }

// digits change while an alarm goes on ("3 days left"), and what is said is the same.
var digits = regexp.MustCompile(`[0-9]+`)

func (n Notice) about() string {
	sum := sha256.Sum256([]byte(digits.ReplaceAllString(n.Words, "#") + "\x00" + n.Link))
	return "alarm " + hex.EncodeToString(sum[:])
}

// MailFailed is the incident of mail that does not go out. It is never mailed itself.
func MailFailed(summary, reference string) Incident {
	return Incident{Kind: FailedJob, Cause: mailCause, Summary: summary, Reference: reference}
}

const mailCause = "mail"

// Letters that wait are tried again after 1, 2, 4 ... minutes, at most four hours, for about three days.
const (
	mostTries   = 25
	longestWait = 240 * time.Minute
	mostAtOnce  = 50
)

const (
	// Incidents of the last day: whoever switches mail on learns of what is fresh, not of years.
	freshIncidents = `select i.id::text, i.number, i.kind from ebr.incidents i where i.opened_at > clock_timestamp() - interval '1 day' and i.closed_at is null and i.cause <> @mail order by i.opened_at`
	// An alarm that comes and goes is told once an hour.
	writeLetter = `insert into ebr.letters (id, about, recipient, subject, body, written_at, next_at)
	select @id, @about, @recipient, @subject, @body, clock_timestamp(), clock_timestamp()
	where not exists (select from ebr.letters l where l.about = @about and l.recipient = @recipient and l.ended_at > clock_timestamp() - interval '1 hour')
	on conflict (about, recipient) where ended_at is null do nothing`
	endLetters = `update ebr.letters set ended_at = clock_timestamp() where about like 'alarm %' and ended_at is null and about <> all(@on)`
	// Who is a recipient no longer gets nothing, also when the address comes back.
	dropLetters = `update ebr.letters set dropped_at = clock_timestamp() where sent_at is null and dropped_at is null and recipient <> all(@recipients)`
	oldLetters  = `delete from ebr.letters where written_at < clock_timestamp() - interval '90 days' and (about like 'incident %' or ended_at is not null)`
	dueLetters  = `select id::text, about, recipient, subject, body, written_at, tries from ebr.letters
	where sent_at is null and dropped_at is null and next_at <= clock_timestamp() and recipient = any(@recipients) order by written_at, id limit @limit`
	sentLetter   = `update ebr.letters set sent_at = clock_timestamp(), tries = tries + 1 where id = @id`
	failedLetter = `update ebr.letters set tries = tries + 1, next_at = clock_timestamp() + @wait::interval, dropped_at = case when @drop then clock_timestamp() end where id = @id`
)

// WriteLetters writes what is new for the recipients: incidents, and alarms that began (nil: not known now). Site is the address of the plant in a browser.
func WriteLetters(ctx context.Context, trail *audit.Trail, s configuration.Settings, site string, alarms []Notice) error {
	return trail.Operate(ctx, func(op *audit.Op) error {
		rows, err := op.Query(ctx, freshIncidents, pgx.NamedArgs{"mail": MailFailed("", "").fingerprint()})
		if err != nil {
			return err
		}
		var letters []Letter
		var id, number string
		var kind Kind
		_, err = pgx.ForEachRow(rows, []any{&id, &number, &kind}, func() error {
			letters = append(letters, Letter{
				About: "incident " + id, Subject: fmt.Sprintf("Veribatch: incident %s, %s", number, kind.Words()),
				Body: fmt.Sprintf("Incident %s (%s) is open.\n\n%s/incidents/%s\n", number, kind.Words(), site, id),
			})
			return nil
		})
		if err != nil {
			return err
		}
		on := []string{}
		for _, n := range alarms {
			on = append(on, n.about())
			letters = append(letters, Letter{About: n.about(), Subject: printed("Veribatch: "+n.Words, 200), Body: fmt.Sprintf("%s\n\n%s%s\n", printed(n.Words, 500), site, n.Link)})
		}
		if alarms != nil {
			if _, err := op.Exec(ctx, endLetters, pgx.NamedArgs{"on": on}); err != nil {
				return err
			}
		}
		if _, err := op.Exec(ctx, dropLetters, pgx.NamedArgs{"recipients": s.MailRecipients.List()}); err != nil {
			return err
		}
		for _, l := range letters {
			for _, to := range s.MailRecipients.List() {
				args := pgx.NamedArgs{"id": audit.NewID(), "about": l.About, "recipient": to, "subject": l.Subject, "body": l.Body}
				if _, err := op.Exec(ctx, writeLetter, args); err != nil {
					return err
				}
			}
		}
		_, err = op.Exec(ctx, oldLetters)
		return err
	})
}

// DueLetters gives what is to be sent now, the oldest first.
func DueLetters(ctx context.Context, trail *audit.Trail, s configuration.Settings) (list []Letter, err error) {
	err = trail.Read(ctx, func(r *audit.Reader) error {
		rows, err := r.Query(ctx, dueLetters, pgx.NamedArgs{"recipients": s.MailRecipients.List(), "limit": mostAtOnce})
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (l Letter, err error) {
			err = row.Scan(&l.ID, &l.About, &l.Recipient, &l.Subject, &l.Body, &l.WrittenAt, &l.Tries)
			return l, err
		})
		return err
	})
	return list, err
}

// LetterSent marks a letter.
func LetterSent(ctx context.Context, trail *audit.Trail, l Letter) error {
	return trail.Operate(ctx, func(op *audit.Op) error {
		_, err := op.Exec(ctx, sentLetter, pgx.NamedArgs{"id": l.ID})
		return err
	})
}

// LetterFailed says when a letter is tried again; never, when the server refused it for good or it was tried often enough.
func LetterFailed(ctx context.Context, trail *audit.Trail, l Letter, refused bool) (dropped bool, err error) {
	dropped = refused || l.Tries+1 >= mostTries
	wait := min(time.Minute<<min(l.Tries, 10), longestWait)
	err = trail.Operate(ctx, func(op *audit.Op) error {
		_, err := op.Exec(ctx, failedLetter, pgx.NamedArgs{"id": l.ID, "wait": wait, "drop": dropped})
		return err
	})
	return dropped, err
}
