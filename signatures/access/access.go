// Package access answers one question: may a person with these roles do this act? The answer is a pure function of policy.csv.
// It does not know records beyond the area to which they belong: who performed, verified or wrote something is judged where that record lives.
// Start reading at policy.csv, then Allowed, Grants and Check.
package access

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"

	"veribatch/internal/fault"
	"veribatch/internal/language"
)

//go:embed model.conf
var modelText string

//go:embed policy.csv
var policyText []byte

// WholeSite is the area of a role that is held for the whole plant, and of an act that concerns the plant as a whole.
const WholeSite = "*"

// Role is what a person may be in the plant.
type Role string

// The roles that a person can hold. System is the server's own account, Machine is what a token gives at most; neither is ever granted.
const (
	Operator        Role = "operator"
	Supervisor      Role = "supervisor"
	ProcessEngineer Role = "process_engineer"
	QA              Role = "qa"
	QualifiedPerson Role = "qualified_person"
	Administrator   Role = "administrator"
	Auditor         Role = "auditor"
	System          Role = "system"
	Machine         Role = "machine"

	everyone Role = "everyone" // any active person, also without a role
	reader   Role = "reader"   // a bundle of rights that other roles include
)

// Roles lists the roles that can be granted, in the order in which people read them.
func Roles() []Role {
	return []Role{Operator, Supervisor, ProcessEngineer, QA, QualifiedPerson, Administrator, Auditor}
}

// titles are the roles in words.
var titles = map[Role]string{
	Operator: "operator", Supervisor: "supervisor", ProcessEngineer: "process engineer", QA: "quality assurance",
	QualifiedPerson: "qualified person", Administrator: "administrator", Auditor: "auditor", System: "the server", Machine: "machine", everyone: "everyone", reader: "reader",
}

// Title gives the role in words, "process engineer".
func (r Role) Title() string { return titles[r] }

// policy is the decided matrix: every question that can be asked, asked once at start (one casbin decision takes up to 0.3 ms).
type policy struct {
	may      map[Role]map[string]bool // held for the whole plant
	own      map[Role]map[string]bool // held for the area of the act
	includes map[Role][]Role
	excludes map[Role][]Role
	acts     []string
}

var decided = sync.OnceValue(func() *policy {
	p, err := decide(modelText, policyText)
	if err != nil {
		panic(err) // the files are part of the program; the tests read them first
	}
	return p
})

// Allowed says whether one of the roles, held for the whole plant, gives the right to do the act. An unknown act is allowed to nobody.
func Allowed(roles []Role, act string) bool {
	may := decided().may
	for _, alone := range []Role{System, Machine} {
		if slices.Contains(roles, alone) {
			return may[alone][act] // neither is "everyone", and they hold nothing else
		}
	}
	return may[everyone][act] || slices.ContainsFunc(roles, func(r Role) bool { return may[r][act] })
}

// Known says whether the policy has a line for the act. The house test asks it for every route.
func Known(act string) bool {
	_, found := slices.BinarySearch(decided().acts, act)
	return found
}

// Acts lists all acts of the policy, sorted.
func Acts() []string { return slices.Clone(decided().acts) }

// ActsOf lists what a role may do.
func ActsOf(r Role) []string {
	return slices.DeleteFunc(Acts(), func(act string) bool { return !Allowed([]Role{r}, act) })
}

// Who lists the roles that may do the act, in the order of Roles.
func Who(act string) []Role {
	var who []Role
	for _, r := range Roles() {
		if Allowed([]Role{r}, act) {
			who = append(who, r)
		}
	}
	return who
}

// Holds says whether one of the roles is the wanted role or includes it: a supervisor holds the role operator too.
func Holds(roles []Role, wanted Role) bool {
	return slices.ContainsFunc(roles, func(r Role) bool { return r == wanted || slices.Contains(decided().includes[r], wanted) })
}

// Compatible refuses roles that one person must not hold together, naming the pair. The database refuses the same (migration 00002).
func Compatible(roles []Role) error {
	for i, r := range roles {
		if !slices.Contains(Roles(), r) {
			return fault.At("roles", "There is no role %q. Choose from the list.", string(r))
		}
		if slices.Contains(roles[:i], r) {
			return fault.At("roles", "The role %s is named twice.", language.Word(r.Title()))
		}
		for _, other := range roles[:i] {
			if slices.Contains(decided().excludes[r], other) {
				return fault.At("roles", "One person cannot be %s and %s (separation of duties). Give the roles to two persons.", language.Word(other.Title()), language.Word(r.Title()))
			}
		}
	}
	return nil
}

// Text gives policy.csv as it is in force, for the screen that shows it.
func Text() string { return string(policyText) }

// Digest gives the SHA-256 of model and policy in hex; it is an entry of the trail at every start of the server.
func Digest() string {
	sum := sha256.Sum256(append([]byte(modelText+"\x00"), policyText...))
	return hex.EncodeToString(sum[:])
}

// decide reads the policy, asks casbin every question and keeps the answers.
func decide(modelText string, policyText []byte) (*policy, error) {
	rows, err := readPolicy(policyText)
	if err != nil {
		return nil, err
	}
	m, err := model.NewModelFromString(modelText)
	if err != nil {
		return nil, fmt.Errorf("access model: %w", err)
	}
	enforcer, err := casbin.NewEnforcer(m)
	if err != nil {
		return nil, fmt.Errorf("access model: %w", err)
	}
	p := &policy{may: map[Role]map[string]bool{}, own: map[Role]map[string]bool{}, includes: map[Role][]Role{}, excludes: map[Role][]Role{}}
	if err := p.load(enforcer, rows); err != nil {
		return nil, err
	}
	return p, p.ask(enforcer)
}

// load gives the p and g lines to casbin and keeps the x lines, in both directions.
func (p *policy) load(enforcer *casbin.Enforcer, rows [][]string) error {
	for _, row := range rows {
		var added bool
		var err error
		switch row[0] {
		case "p":
			added, err = enforcer.AddPolicy(row[1], row[2], row[3])
			p.acts = append(p.acts, row[2])
		case "g":
			added, err = enforcer.AddGroupingPolicy(row[1], row[2])
		case "x":
			a, b := Role(row[1]), Role(row[2])
			added = !slices.Contains(p.excludes[a], b)
			p.excludes[a], p.excludes[b] = append(p.excludes[a], b), append(p.excludes[b], a)
		}
		if err != nil || !added {
			return fmt.Errorf("policy.csv: %s stands twice or cannot be taken: %w", strings.Join(row, ", "), err)
		}
	}
	slices.Sort(p.acts)
	p.acts = slices.Compact(p.acts)
	return nil
}

func (p *policy) ask(enforcer *casbin.Enforcer) error {
	for role := range titles {
		p.may[role], p.own[role] = map[string]bool{}, map[string]bool{}
		for _, act := range p.acts {
			everywhere, err1 := enforcer.Enforce(string(role), WholeSite, act, WholeSite)
			own, err2 := enforcer.Enforce(string(role), "some", act, "some")
			if err := errors.Join(err1, err2); err != nil {
				return fmt.Errorf("ask whether %s may %s: %w", role, act, err)
			}
			p.may[role][act], p.own[role][act] = everywhere, own
		}
		included, err := enforcer.GetImplicitRolesForUser(string(role))
		if err != nil {
			return fmt.Errorf("ask what %s includes: %w", role, err)
		}
		for _, r := range included {
			p.includes[role] = append(p.includes[role], Role(r))
		}
	}
	return nil
}

// readPolicy reads the lines and checks their form; roles must be known, so that a typing error is not a silent refusal.
func readPolicy(text []byte) ([][]string, error) {
	reader := csv.NewReader(bytes.NewReader(text))
	reader.Comment, reader.TrimLeadingSpace, reader.FieldsPerRecord = '#', true, -1
	rows, err := reader.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("policy.csv: %w", err)
	}
	fields := map[string]int{"p": 4, "g": 3, "x": 3}
	for _, row := range rows {
		if fields[row[0]] != len(row) {
			return nil, fmt.Errorf("policy.csv: %q has the wrong form", strings.Join(row, ", "))
		}
		named := row[1:2]
		if row[0] != "p" {
			named = row[1:3]
		} else if row[3] != WholeSite && row[3] != "own" {
			return nil, fmt.Errorf("policy.csv: %q: the last word is own or *", strings.Join(row, ", "))
		}
		for _, name := range named {
			if _, known := titles[Role(name)]; !known {
				return nil, fmt.Errorf("policy.csv: there is no role %q", name)
			}
		}
	}
	return rows, nil
}
