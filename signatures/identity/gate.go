// Package identity owns who a person is to the system: user name, password, lock-out, and the session at a station.
// It does not know what the person may do (access) or has signed (signatures), and it holds no page and no cookie (web).
// Start reading at Gate, then ParseName and CheckPassword.
package identity

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"runtime"
	"strconv"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/signatures/configuration"
	"veribatch/signatures/keyring"
)

// Settings of the gate that its program gives. Idle, Failures and Locked are for tests that cannot wait for minutes: where they are zero, as in
// the server, the configuration in force says how long and how many.
type Settings struct {
	Idle     time.Duration   // a session without activity locks after this time
	Failures int             // so many wrong passwords within Locked lock the account
	Locked   time.Duration   // for so long
	Params   argon2id.Params // of new passwords; Pinned
	Zone     *time.Location  // zone of times in messages; the machine's

	// Alarm is told of a stored password that is not believed; the server opens an incident.
	Alarm func(person, what string)
}

// Gate proves who somebody is. It is safe for use by several goroutines.
type Gate struct {
	trail    *audit.Trail
	key      *keyring.File
	settings Settings
	hasher   *Hasher
}

// New makes a gate over a trail that has been started. The site key seals stored passwords.
func New(trail *audit.Trail, key *keyring.File, s Settings) (*Gate, error) {
	if s.Params == (argon2id.Params{}) {
		s.Params = Pinned
	}
	if s.Zone == nil {
		s.Zone = time.Local
	}
	hasher, err := NewHasher(s.Params, runtime.GOMAXPROCS(0))
	return &Gate{trail: trail, key: key, settings: s, hasher: hasher}, err
}

// Proof is a person whose password was right just now.
type Proof struct {
	Person            string // id
	UserName          string
	FullName          string // printed name
	CredentialVersion int
	MustChange        bool // the password has to be changed before anything else
}

// StreamOf gives the audit stream of a person.
func StreamOf(person string) audit.Stream { return audit.Stream("person/" + person) }

// account is what the database knows about a user name.
type account struct {
	Proof
	active      bool
	hash        string // "" when there is no password yet
	seal        []byte
	resetBy     string // printed name of who reset the password, while the owner has not set a new one
	resetAt     time.Time
	lockedUntil time.Time
	now         time.Time // of the database
}

const accountColumns = `select p.id::text, p.user_name, p.full_name, p.active, coalesce(c.password_hash, ''), c.seal, coalesce(c.credential_version, 0),
	coalesce(c.must_change, false), coalesce(c.locked_until, 'epoch'), coalesce(r.full_name, ''), coalesce(c.reset_at, 'epoch'), clock_timestamp(),
	coalesce(extract(epoch from clock_timestamp() - c.changed_at), 0)::float8, coalesce(k.number, 0), k.settings
	from ebr.people p left join ebr.credentials c on c.id = p.id left join ebr.people r on r.id = c.reset_by and c.reset_at >= c.changed_at
	left join ebr.configuration_in_force k on true where p.kind = 'person' and `

const (
	accountByName   = accountColumns + `p.user_name = @key`
	accountByPerson = accountColumns + `p.id = @key`
)

// readAccount reads one account; found is false when nobody has the name.
func readAccount(ctx context.Context, q audit.Querier, sql, key string) (a account, found bool, err error) {
	var used float64 // seconds since the password was set
	var number int
	var values map[string]string
	err = q.QueryRow(ctx, sql, pgx.NamedArgs{"key": key}).Scan(&a.Person, &a.UserName, &a.FullName, &a.active, &a.hash, &a.seal, &a.CredentialVersion,
		&a.MustChange, &a.lockedUntil, &a.resetBy, &a.resetAt, &a.now, &used, &number, &values)
	if errors.Is(err, pgx.ErrNoRows) {
		return account{}, false, nil
	}
	if err != nil {
		return a, false, err
	}
	settings, err := configuration.Of(number, values)
	a.MustChange = a.MustChange || settings.PasswordTooOld(used)
	return a, err == nil, err
}

// Prove verifies user name and password, counts what is wrong and locks the account after too many. It enters no refusal: the caller knows
// the act. A Proof with a Person comes back beside an error when the name exists, for the entry and for nobody's eyes.
// Names that do not exist cost the same time, count the same and get the same words (faults F81, F87).
func (g *Gate) Prove(ctx context.Context, userName, password string) (Proof, error) {
	name := Lookup(userName)
	var a account
	var doubt error
	err := g.trail.Read(ctx, func(r *audit.Reader) (err error) {
		if a, _, err = readAccount(ctx, r, accountByName, name); err == nil && a.hash != "" {
			doubt, err = g.doubt(ctx, r, a)
		}
		return err
	})
	if err == nil && doubt != nil {
		err = g.alarm(ctx, a, doubt)
	}
	if err != nil {
		return a.Proof, err
	}
	hash := a.hash
	if !a.active || doubt != nil {
		hash = ""
	}
	right, err := g.hasher.Verify(ctx, password, hash)
	if err == nil && a.lockedUntil.After(a.now) {
		err = g.closed(ctx, a.lockedUntil) // the record keeps the lock, whatever became of the counter
	}
	if err != nil {
		return a.Proof, err
	}
	if err := g.settle(ctx, subjectOf(name, userName), a.Proof, right); err != nil {
		return a.Proof, err
	}
	return a.Proof, a.open(g.settings.Zone)
}

// open refuses a password that was reset. Who still knows it hears who did that: nobody's password is taken away in silence.
func (a account) open(zone *time.Location) error {
	if a.resetBy == "" {
		return nil
	}
	return fault.New(fault.Refused, "Your password was reset by %s at %s. Set a new one with your link and your code. If you did not ask for that, tell QA at once.",
		a.resetBy, a.resetAt.In(zone).Format("2006-01-02 15:04 -07:00"))
}

// ErrSwapped says that the stored password is not the one whose change the trail shows.
var ErrSwapped = fault.New(fault.Refused,
	"The stored password of this account was not set through the system. It is refused, and the incident is recorded. Tell QA and your administrator.")

var _ = audit.Explain("credentials_swapped", fault.Refused, ErrSwapped.Message)

// matchesTrail compares the stored password hash with the newest image in the trail, in the caller's transaction: a hash that was written
// past the system lets nobody in and raises an alarm (a database administrator could otherwise sign as somebody else).
func matchesTrail(ctx context.Context, q audit.Querier, a account) error {
	image, err := audit.NewestImage(ctx, q, StreamOf(a.Person), "ebr.credentials", a.Person)
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(a.hash))
	hash, version := image["password_hash"], image["credential_version"]
	if hash == nil || *hash != "sha256:"+hex.EncodeToString(sum[:]) || version == nil || *version != strconv.Itoa(a.CredentialVersion) {
		return ErrSwapped
	}
	return nil
}

// untouched locks the credentials of a person and says that their hash is the one that the trail shows. Every change of the row asks it
// first; the database asks the same (credentials_guard).
func untouched(ctx context.Context, tx *audit.Tx, person string) (a account, err error) {
	if err := tx.Lock(ctx, audit.Ref{Table: "ebr.credentials", ID: person}); err != nil {
		return a, err
	}
	if a, _, err = readAccount(ctx, tx, accountByPerson, person); err != nil {
		return a, err
	}
	return a, matchesTrail(ctx, tx, a)
}

// Confirm says, inside the transaction of an act, that a proof given a moment ago still holds: same password, person active, account not
// locked, no new password due, and the stored hash is the one that the trail shows.
func Confirm(ctx context.Context, tx *audit.Tx, person string, credentialVersion int) error {
	a, found, err := readAccount(ctx, tx, accountByPerson, person)
	switch {
	case err != nil:
		return err
	case !found || !a.active || a.hash == "":
		return fault.New(fault.Refused, "This account is not active. Ask your administrator.")
	case a.CredentialVersion != credentialVersion:
		return fault.New(fault.Refused, "The password was changed in the meantime. Enter the new one.")
	case a.lockedUntil.After(a.now):
		return fault.New(fault.Refused, "This account was locked in the meantime, after too many wrong passwords.")
	}
	if err := a.open(time.Local); err != nil {
		return err
	}
	return matchesTrail(ctx, tx, a)
}

// errLocked is the cause of every fault about a locked account.
var errLocked = errors.New("account locked")

func (g *Gate) locked(until time.Time, failures int) error {
	return fault.New(fault.Unauthenticated, "This account is locked until %s, after %d wrong passwords. Wait, or ask your supervisor to unlock it.",
		until.In(g.settings.Zone).Format("15:04:05 -07:00"), failures).Because(errLocked)
}

// closed is locked for an account whose record says so.
func (g *Gate) closed(ctx context.Context, until time.Time) error {
	var failures int
	err := g.trail.Read(ctx, func(r *audit.Reader) (err error) {
		failures, _, err = g.lockout(ctx, r)
		return err
	})
	return cmp.Or(err, g.locked(until, failures))
}

// lockout gives how many wrong passwords within which time lock an account for that time.
func (g *Gate) lockout(ctx context.Context, q audit.Querier) (failures int, window time.Duration, err error) {
	s, err := configuration.Read(ctx, q)
	return cmp.Or(g.settings.Failures, s.LockoutAttempts), cmp.Or(g.settings.Locked, time.Duration(s.LockoutMinutes)*time.Minute), err
}

// checkPassword applies the rules for a new password, with the length that is in force.
func (g *Gate) checkPassword(ctx context.Context, password, userName, fullName string) error {
	return g.trail.Read(ctx, func(r *audit.Reader) error {
		s, err := configuration.Read(ctx, r)
		if err != nil {
			return err
		}
		return CheckPassword(s.PasswordCharacters, password, userName, fullName)
	})
}
