package web

import (
	"time"

	"veribatch/signatures/access"
	"veribatch/signatures/accounts"
)

// PeopleView lists accounts. Query: q (part of a name), left=yes (also who has left), after (key of the last line of the page before).
type PeopleView struct {
	Page
	Search string
	Left   bool
	People []PersonLine
	More   string // address of the next page; "" at the end
	Create *Form  // fields: user_name, full_name, role, reason
	Roles  []Option
}

// PersonLine is one account in a list.
type PersonLine struct {
	Href, UserName, FullName string
	Roles                    []string
	States                   []string // what stands between the person and work; none is normal
	LastLogIn                time.Time
	Left                     bool
}

// PersonView is one account: roles with their history, identity checks, sessions, and the acts on it.
type PersonView struct {
	Page
	Line      PersonLine
	Created   time.Time
	CreatedBy string
	LeftAt    time.Time
	Held      []HeldRole
	Checks    []accounts.Check
	Sessions  []accounts.Session
	Machines  []accounts.Machine // for which this person answers
	Tokens    []accounts.Token   // of machines, made or approved by this person
	People    []Option           // who may answer for the machines when this person leaves
	Invited   time.Time          // an invitation is open until then
	Link      string             // first half of the invitation, at the screen of who made it
	Code      string             // second half, at the screen of who checked the identity

	Confirm, Grant, Revoke, Reset, Unlock, Deactivate *Form
	Roles                                             []Option
	Areas                                             []access.Area
	Documents                                         []string
	Today                                             string
}

// HeldRole is one role of a person with its period; To is zero while it is held.
type HeldRole struct {
	Role, Name, Area string
	From, To         time.Time
}

// RightsView answers who could do what on a day. Query: on (2026-11-22).
type RightsView struct {
	Page
	On, Wrong string
	Rights    []RightLine
	Machines  []MachineRightLine
	Roles     []RoleActs
	Everyone  string // acts of everyone with an account
	Digest    string // SHA-256 of the policy in force at the end of the day
	Since     time.Time
	Kept      bool // its text is kept, and the acts are those of that day
}

// RightLine is one role that somebody held on the day.
type RightLine struct {
	Href, UserName, FullName, Role, Area string
	From, To                             time.Time
}

// MachineRightLine is one token of a machine on the day, or a machine without any.
type MachineRightLine struct {
	accounts.MachineRight
	*accounts.TokenRight // nil: the machine had no token
}

// RoleActs is what a role could do.
type RoleActs struct{ Role, Acts string }

// AccountabilityView shows the statement by which people answer for their signatures. Sign has the field number; Publish text and reason.
type AccountabilityView struct {
	Page
	InForce  accounts.Accountability
	Earlier  []accounts.Accountability
	SignedAt time.Time // by the person logged in; zero when not yet
	Sign     *Form
	Publish  *Form
}

// AccessReviewView is the review of all rights: the list with a box for each that is to be taken away, and the reviews made.
type AccessReviewView struct {
	Page
	Due    time.Time
	IsDue  bool
	Lines  []AccountLine
	Made   []accounts.Reviewed
	Review *Form
}

// AccountLine is one right of an account with the name of its box.
type AccountLine struct {
	PersonLine
	Machine bool
	Holds   string
	Box     string
	Away    bool
}

// EnrolView sets a first or new password. Begin has the field link; Enrol link, code (when CodeNeeded), new_password, again.
type EnrolView struct {
	Page
	Begin, Enrol       *Form // one of them
	Link               string
	FullName, UserName string
	CodeNeeded         bool
	Rules              []string
}

func (*PeopleView) template() string         { return "people/index" }
func (*PersonView) template() string         { return "people/show" }
func (*RightsView) template() string         { return "people/rights" }
func (*AccountabilityView) template() string { return "people/accountability" }
func (*AccessReviewView) template() string   { return "people/reviews" }
func (*EnrolView) template() string          { return "sessions/enrol" }
