// Package accounts owns the acts on accounts of people: making them, checking identities, roles, leaving, resetting, accountability and the
// review of all rights. It does not own passwords and sessions (identity), what a role may do (access), or how a signature is made (signatures).
// Start reading at Create, then ConfirmIdentity for why it takes two persons to open an account.
package accounts

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/google/uuid"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/internal/plaintext"
	"veribatch/signatures/access"
	"veribatch/signatures/identity"
)

// Result of an act on an account, for the answer.
type Result struct {
	Person string `json:"person"`
}

// PersonOf reads the person out of the result of an act.
func PersonOf(result json.RawMessage) string {
	var r Result
	_ = json.Unmarshal(result, &r) // without a person the list shows it
	return r.Person
}

// Create makes an account with at most one role; further roles are granted one by one. The account has no password: its owner sets it with a
// link, shown to who made the account, and a code, shown to the person who then checks the owner's identity.
type Create struct {
	UserName string `json:"user_name" form:"user_name"`
	FullName string `json:"full_name" form:"full_name"` // as printed beside signatures
	Role     string `json:"role" form:"role"`           // "" for none
	Reason   string `json:"reason" form:"reason"`
}

// Grant gives a person one role from now on.
type Grant struct {
	Person string `json:"person" form:"-"`
	Role   string `json:"role" form:"role"`
	Area   string `json:"area" form:"area"` // "" for the whole plant
	Reason string `json:"reason" form:"reason"`
}

// Revoke takes one role from a person from now on.
type Revoke struct {
	Person string `json:"person" form:"-"`
	Role   string `json:"role" form:"role"`
	Area   string `json:"area" form:"area"` // "" for the whole plant
	Reason string `json:"reason" form:"reason"`
}

// Deactivate closes the account of a person who leaves: roles, sessions and open signatures end with it, and it is never opened again.
type Deactivate struct {
	Person    string `json:"person" form:"-"`
	Successor string `json:"successor" form:"successor"`
	Reason    string `json:"reason" form:"reason"`
}

// Reset closes a forgotten or betrayed password at once. The owner sets a new one with a new link and, after another check, a new code.
type Reset struct {
	Person string `json:"person" form:"-"`
	Reason string `json:"reason" form:"reason"`
}

// Unlock opens an account before its time that wrong passwords have locked.
type Unlock struct {
	Person string `json:"person" form:"-"`
	Reason string `json:"reason" form:"reason"`
}

// Act is the word of the act.
func (Create) Act() string { return "person.create" }

// Act is the word of the act.
func (Grant) Act() string { return "person.roles" }

// Act is the word of the act.
func (Revoke) Act() string { return "person.roles" }

// Act is the word of the act.
func (Deactivate) Act() string { return "person.deactivate" }

// Act is the word of the act.
func (Reset) Act() string { return "person.reset" }

// Act is the word of the act.
func (Unlock) Act() string { return "person.unlock" }

// Home mints the stream of a new person: call it once per request.
func (Create) Home() audit.Stream { return identity.StreamOf(audit.NewID()) }

// Home is the stream of the person.
func (c Grant) Home() audit.Stream { return home(c.Person) }

// Home is the stream of the person.
func (c Revoke) Home() audit.Stream { return home(c.Person) }

// Home is the stream of the person.
func (c Deactivate) Home() audit.Stream { return home(c.Person) }

// Home is the stream of the person.
func (c Reset) Home() audit.Stream { return home(c.Person) }

// Home is the stream of the person.
func (c Unlock) Home() audit.Stream { return home(c.Person) }

// Why is the reason given.
func (c Create) Why() string { return reason(c.Reason) }

// Why is the reason given.
func (c Grant) Why() string { return reason(c.Reason) }

// Why is the reason given.
func (c Revoke) Why() string { return reason(c.Reason) }

// Why is the reason given.
func (c Deactivate) Why() string { return reason(c.Reason) }

// Why is the reason given.
func (c Reset) Why() string { return reason(c.Reason) }

// Why is the reason given.
func (c Unlock) Why() string { return reason(c.Reason) }

// home is the stream of a person; something that can be nobody's id stands at the plant and is not found there.
func home(person string) audit.Stream {
	if uuid.Validate(person) != nil || len(person) != 36 {
		return audit.Site
	}
	return identity.StreamOf(person)
}

// reason is the text that the entry holds; whether it may be empty or cannot be printed is judged by wanted.
func reason(text string) string {
	clean, err := plaintext.Reason("reason", text, plaintext.MaxComment)
	if err != nil {
		return ""
	}
	return clean
}

func wanted(text string) error {
	clean, err := plaintext.Reason("reason", text, plaintext.MaxComment)
	if err == nil && clean == "" {
		err = fault.At("reason", "Say why. The reason stands in the trail beside the change.")
	}
	return err
}

// Do makes the account.
func (c Create) Do(ctx context.Context, tx *audit.Tx) error {
	id, ok := strings.CutPrefix(string(tx.Home()), "person/")
	if !ok {
		return errors.New("accounts: a new account opens the stream of its person")
	}
	if err := wanted(c.Reason); err != nil {
		return err
	}
	p := identity.NewPerson{ID: id, UserName: c.UserName, FullName: c.FullName}
	if c.Role != "" {
		p.Roles = []access.Role{access.Role(c.Role)}
	}
	tx.Result(Result{id})
	return at("roles", "role", identity.CreatePerson(ctx, tx, p))
}

// at moves a fault from one field to the one of the form.
func at(from, to string, err error) error {
	if f := fault.As(err); err != nil && f.Field == from {
		return fault.At(to, "%s", f)
	}
	return err
}

// Do grants the role.
func (c Grant) Do(ctx context.Context, tx *audit.Tx) error {
	return changeRoles(ctx, tx, c, access.Add)
}

// Do revokes the role.
func (c Revoke) Do(ctx context.Context, tx *audit.Tx) error {
	return changeRoles(ctx, tx, Grant(c), access.Remove)
}

var (
	_ = audit.Explain("administrators_remain", fault.Refused, "This is the last administrator who can log in. Make another one first.")
	_ = audit.Explain("checkers_remain", fault.Refused, "This is the last person who can check identities. Have another supervisor or QA of the whole plant confirmed first.")
	_ = audit.Explain("identity_checks_founding", fault.Refused, "The first check of a plant is of a supervisor or QA of the whole plant who has set a password.")
	_ = audit.Explain("identity_checks_after_reset", fault.Refused, "The check is of a day before the password was reset. Meet the person again.")
	_ = audit.Explain("person_roles_of_leaver", fault.Refused, "This person has left; the account is closed and gets no role.")
	_ = audit.Explain("people_left", fault.Refused, "This person has left. Somebody who comes back gets a new account.")
	_ = audit.Explain("identity_checks_by_another", fault.Refused, "Who made or reset an account does not check the identity of its person, and nobody checks the own one. Ask a colleague.")
	_ = audit.Explain("credentials_reset_by_another", fault.Refused, "Nobody resets the own password. Change it, or ask another administrator.")
	_ = audit.Explain("accountability_signed_once", fault.Conflict, "You have signed this version already.")
)

// changeRoles gives or takes one role. Rights come from somebody else: nobody changes the own roles.
func changeRoles(ctx context.Context, tx *audit.Tx, c Grant, change func(ctx context.Context, tx *audit.Tx, person, area string, role access.Role) error) error {
	if err := wanted(c.Reason); err != nil {
		return err
	}
	p, err := atWork(ctx, tx, c.Person)
	if err != nil {
		return err
	}
	if tx.Actor().Person == c.Person {
		return fault.New(fault.Refused, "Nobody changes the own roles. Ask another administrator.")
	}
	tx.Note("person", p.FullName+" ("+p.UserName+")")
	tx.Result(Result{c.Person})
	return at("roles", "role", change(ctx, tx, c.Person, cmp.Or(c.Area, access.WholeSite), access.Role(c.Role)))
}

// atWork locks and reads a person who has not left.
func atWork(ctx context.Context, tx *audit.Tx, person string) (Person, error) {
	if tx.Home() == audit.Site {
		return Person{}, missing()
	}
	if err := tx.Lock(ctx, audit.Ref{Table: "ebr.people", ID: person}); err != nil {
		return Person{}, err
	}
	p, err := Find(ctx, tx, person)
	if err == nil && !p.Active {
		err = fault.New(fault.Refused, "%s has left. The account is closed for ever.", p.FullName)
	}
	return p, err
}

func missing() error {
	return fault.New(fault.Missing, "There is no such person. Check the address, or go back and choose again.")
}
