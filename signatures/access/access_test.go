package access

import (
	"slices"
	"strings"
	"testing"

	"veribatch/internal/fault"
)

// matrix is the permission matrix as the quality unit reads it, written down a second time and independently of policy.csv:
// o operator, s supervisor, e process engineer, q QA, p qualified person, a administrator, i auditor (inspector), m machine
// (the most that an API token can give).
var matrix = map[string]string{
	"session.open": "oseqpai", "session.lock": "oseqpai", "session.unlock": "oseqpai", "session.close": "oseqpai", "password.change": "oseqpai",
	"recipe.read": "oseqpim", "recipe.import": "e", "recipe.submit": "e", "recipe.approve": "sq", "recipe.make_effective": "qp",
	"recipe.comment": "seqp", "recipe.resolve": "sq", "recipe.send_back": "sq", "recipe.withdraw": "qp",
	"order.read": "oseqpim", "order.create": "sm", "batch.read": "oseqpim", "batch.issue": "q", "batch.start": "os",
	"step.record": "osm", "step.correct": "os", "step.comment": "oseqpm", "step.perform": "oseqp", "step.verify": "osq",
	"batch.hold": "osqpm", "hold.assess": "sq", "batch.resume": "s", "batch.abort": "sq", "batch.complete": "s",
	"report.read": "seqpim", "trail.read": "sqpim", "person.create": "a", "person.roles": "a", "station.register": "a",
	"configuration.read": "oseqpaim", "configuration.propose": "sqa", "configuration.approve": "q", "configuration.withdraw": "sqa",
	"token.create": "a", "token.revoke": "a", "token.approve": "q", "token.read": "qai", "machine.hand_over": "a",
	"area.create": "a", "area.rename": "a", "area.read": "a",
	"person.read": "sqai", "person.confirm_identity": "sq", "person.deactivate": "a", "person.reset": "a", "person.unlock": "sqa",
	"accountability.sign": "oseqpai", "accountability.publish": "q", "access.review": "sq", "policy.register": "",
	"server.start": "", "migration": "", "person.lock": "", "password.seal": "", "key.register": "",
	"incident.read": "sqpai", "incident.assess": "sq", "incident.reassess": "sq", "incident.close": "q", "incident.open": "", "trail.begin_review": "q", "batch.export": "qpim", "trail.read_page": "q", "trail.review": "q",
	"server.stop": "", "backup.read": "qai", "backup.make": "a", "backup.drill": "", "backup.restore": "", "log.read": "qpaim", "log.continue": "q", "log.heartbeat": "",
}

var letters = map[rune]Role{'o': Operator, 's': Supervisor, 'e': ProcessEngineer, 'q': QA, 'p': QualifiedPerson, 'a': Administrator, 'i': Auditor, 'm': Machine}

func TestEveryCellOfTheMatrix(t *testing.T) {
	for act, may := range matrix {
		for letter, role := range letters {
			if got, want := Allowed([]Role{role}, act), strings.ContainsRune(may, letter); got != want {
				t.Errorf("%s %s: %v, the matrix says %v", role, act, got, want)
			}
		}
		if !Known(act) {
			t.Errorf("%s is not in policy.csv", act)
		}
	}
	for _, act := range Acts() {
		if _, ok := matrix[act]; !ok {
			t.Errorf("policy.csv knows %s and the matrix does not", act)
		}
	}
}

func TestDenyByDefault(t *testing.T) {
	all := append(Roles(), System)
	for _, act := range []string{"", "*", "step", "step.", "step.*", "Step.record", "step.record ", "batch.delete", "record", "reader", "p"} {
		if Allowed(all, act) || Allowed(Roles(), act) || Known(act) || len(Who(act)) > 0 {
			t.Errorf("%q is allowed to somebody", act)
		}
	}
	for _, role := range []Role{"", "*", "admin", "root", "Operator", "everyone ", "system, operator"} {
		if Allowed([]Role{role}, "step.record") || Allowed([]Role{role}, "person.create") {
			t.Errorf("the role %q may do something", role)
		}
	}
	if Allowed(nil, "batch.read") || !Allowed(nil, "session.close") {
		t.Error("a person without a role may close the session and nothing else")
	}
}

// Administrators hold no GMP role, and no act of the process is theirs.
func TestAdministratorsAndMachinesDoNoProcessAct(t *testing.T) {
	for _, act := range Acts() {
		noun, _, _ := strings.Cut(act, ".")
		process := slices.Contains([]string{"recipe", "order", "batch", "step", "hold", "report", "trail"}, noun)
		if process && (Allowed([]Role{Administrator}, act) || Allowed([]Role{System}, act)) {
			t.Errorf("administrator or server may %s", act)
		}
	}
	if Allowed([]Role{System, Operator}, "step.record") || Allowed([]Role{System}, "session.open") {
		t.Error("the server acts as a person")
	}
}

func TestCompatible(t *testing.T) {
	for _, pair := range [][]Role{{Operator, Supervisor}, {Operator, ProcessEngineer}, {QA, QualifiedPerson}, {QA, ProcessEngineer}, {Auditor, Administrator}, {}} {
		if err := Compatible(pair); err != nil {
			t.Errorf("%v: %v", pair, err)
		}
	}
	for _, pair := range [][]Role{{Administrator, Operator}, {Administrator, Supervisor}, {Administrator, ProcessEngineer}, {Administrator, QA},
		{Administrator, QualifiedPerson}, {QA, Operator}, {QA, Supervisor}} {
		for _, roles := range [][]Role{pair, {pair[1], pair[0]}, {pair[0], Auditor, pair[1]}} {
			f := fault.As(Compatible(roles))
			if f == nil || f.Kind != fault.Invalid || f.Field != "roles" {
				t.Errorf("%v: %v", roles, f)
			}
		}
	}
	for _, roles := range [][]Role{{System}, {"everyone"}, {"reader"}, {"boss"}, {""}, {Operator, Operator}} {
		if Compatible(roles) == nil {
			t.Errorf("%v granted", roles)
		}
	}
}

func TestHolds(t *testing.T) {
	for _, c := range []struct {
		roles  []Role
		wanted Role
		want   bool
	}{
		{[]Role{Supervisor}, Operator, true}, {[]Role{Operator}, Supervisor, false}, {[]Role{QA}, Operator, false},
		{[]Role{QA}, QA, true}, {[]Role{Auditor, Operator}, Operator, true}, {nil, Operator, false},
	} {
		if got := Holds(c.roles, c.wanted); got != c.want {
			t.Errorf("%v holds %s: %v", c.roles, c.wanted, got)
		}
	}
}

func TestDecisionSaysWhatAndWho(t *testing.T) {
	f := fault.As(decision("Anna Keller", Grants{{Operator, WholeSite}}, "batch.issue", "north"))
	if f.Kind != fault.Forbidden || f.Message != "Anna Keller (operator) has no right to batch.issue in the area north. Allowed: quality assurance." {
		t.Errorf("%s: %s", f.Kind, f.Message)
	}
	if f := fault.As(decision("Ben Okafor", nil, "person.lock", WholeSite)); f.Message != "Ben Okafor (no role) has no right to person.lock. Allowed: nobody." {
		t.Error(f.Message)
	}
	if err := decision("Anna Keller", Grants{{Operator, WholeSite}}, "step.record", WholeSite); err != nil {
		t.Error(err)
	}
}

func TestPolicyFaultsAreFound(t *testing.T) {
	for name, text := range map[string]string{
		"typing error in a role":   "p, operater, step.record, *\n",
		"typing error in a group":  "g, supervisor, operater\n",
		"typing error in a pair":   "x, administrator, operater\n",
		"missing field":            "p, operator, step.record\n",
		"unknown kind of line":     "q, operator, step.record, *\n",
		"area that is no word":     "p, operator, step.record, north\n",
		"line twice":               "p, operator, step.record, own\np, operator, step.record, own\n",
		"pair twice":               "x, qa, operator\nx, operator, qa\n",
		"quote that does not end":  "p, \"operator, step.record, *\n",
		"nothing but a lone comma": ",\n",
	} {
		if _, err := decide(modelText, []byte(text)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if len(Digest()) != 64 || !strings.Contains(Text(), "p, operator, step.record, own") {
		t.Error("digest or text of the policy missing")
	}
}

func BenchmarkAllowed(b *testing.B) {
	roles := []Role{Supervisor}
	for b.Loop() {
		if !Allowed(roles, "step.record") {
			b.Fatal("refused")
		}
	}
}
