package web_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/signatures/access"
	"veribatch/signatures/signtest"
)

// The acceptance scripts of testdata are read by QA and run here, against the whole site and a real PostgreSQL. A line is one sentence;
// after two blanks or more stand the keys of the requirements that it shows. Lines that begin with # are explanations.
//
// Every sentence asserts: an act ("she records ...") must be done unless the next sentence says how it is refused, and a sentence that
// nobody knows fails. The sentences stand in sentences_test.go.

// script is one acceptance script while it runs.
type script struct {
	*plant
	t          *testing.T
	line       int
	now        *visitor            // whose turn it is
	who        string              // her first name
	visitors   map[string]*visitor // by first name
	recipe     string              // address of the recipe version
	batch      string              // address of the batch
	superseded string              // address of the version before
	acted      bool                // an act was done and nothing has been said about its outcome
	entries    int                 // entries of the trail before the last act
	outcome    error               // of an act that has no screen yet
	facts      int                 // sentences that assert by themselves
	secret     string              // of a machine
	found      audit.Row           // the entry that the last sentence about the trail found
	link       string              // the last link to set a password
	sessions   []string            // tokens of further sessions
}

// crew are the people of every script, by first name.
var crew = map[string]access.Role{
	"Olga": access.Operator, "Omar": access.Operator, "Sven": access.Supervisor, "Petra": access.ProcessEngineer, "Quinn": access.QA, "Quirl": access.QA,
	"Elena": access.QualifiedPerson, "Yves": access.Auditor,
}

func TestAcceptance(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			run(t, file, string(text))
		})
	}
}

// keysOfLine finds the keys of requirements at the end of a line.
var keysOfLine = regexp.MustCompile(`\s{2,}[A-Z0-9][A-Za-z0-9.-]*(\s+[A-Z0-9][A-Za-z0-9.-]*)*\s*$`)

// newScript gives a plant with its crew.
func newScript(t *testing.T) *script {
	t.Helper()
	s := &script{plant: newPlant(t, 0), t: t, visitors: map[string]*visitor{}}
	for name, role := range crew {
		s.people[name] = s.Person(strings.ToLower(name)+".berg", role)
	}
	s.people["Ada"] = s.Admin
	return s
}

func run(t *testing.T, file, text string) {
	s := newScript(t)
	for i, line := range strings.Split(text, "\n") {
		s.line = i + 1
		sentence := strings.TrimSpace(keysOfLine.ReplaceAllString(line, ""))
		if sentence == "" || strings.HasPrefix(sentence, "#") {
			continue
		}
		ok := t.Run(fmt.Sprintf("line %d: %s", s.line, sentence), func(t *testing.T) {
			s.T, s.t = t, t
			for _, v := range s.visitors {
				v.t = t
			}
			s.say(sentence, keysOfLine.MatchString(line))
		})
		if !ok {
			t.Fatalf("%s:%d: %s\nthe page says: %s", file, s.line, sentence, s.pageText())
		}
	}
	s.T, s.t = t, t
	s.settled()
	require.NotZero(t, s.facts, "%s asserts nothing", file)
}

// say runs one sentence; one that shows a requirement has to assert something by itself.
func (s *script) say(sentence string, shows bool) {
	s.t.Helper()
	for _, k := range sentences {
		args := k.pattern.FindStringSubmatch(sentence)
		if args == nil {
			continue
		}
		for _, a := range args[1:] {
			require.NotEqual(s.t, `""`, a, "an empty text asserts nothing")
		}
		for i := range args {
			args[i] = strings.ReplaceAll(unquote(args[i]), "{batch}", strings.TrimPrefix(s.batch, "/batches/"))
		}
		require.False(s.t, shows && k.kind == setting, "this sentence prepares and shows nothing: move the key to the line that shows it")
		switch k.kind {
		case act:
			s.settled()
			s.entries = s.countEntries()
			s.acted = true
		case setting:
			s.settled()
		case fact:
			s.facts++
			s.settled()
		case outcome:
			s.facts++
			require.True(s.t, s.acted, "this sentence speaks of an act, and nobody has just acted")
			s.acted = false
		}
		k.run(s, args[1:])
		return
	}
	s.t.Fatalf("nobody knows the sentence %q", sentence)
}

// settled asserts that the last act was done, when no sentence has said otherwise.
func (s *script) settled() {
	s.t.Helper()
	if !s.acted {
		return
	}
	s.acted = false
	require.NoError(s.t, s.outcome)
	if s.now != nil && s.now.at != nil {
		require.Less(s.t, s.now.at.status, 400, "the act before line %d was not done: %s", s.line, s.pageText())
	}
}

func (s *script) pageText() string {
	if s.now == nil || s.now.at == nil {
		return "(no page)"
	}
	return s.now.at.text
}

func unquote(s string) string {
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		s = s[1 : len(s)-1]
	}
	return special.Replace(s)
}

// special writes characters that a script cannot hold visibly.
var special = strings.NewReplacer("{emoji}", "\U0001F600", "{zero-width}", "\u200b", "{control}", "\x07", "{cyrillic o}", "\u043e", "{megabyte}", strings.Repeat("x", 1<<20),
	"{5000 letters}", strings.Repeat("a", 5000), "{no-break space}", "\u00a0", "{line break}", "\n", "{tomorrow}", time.Now().In(zone).AddDate(0, 0, 1).Format("2006-01-02 15:04"),
	"{12 minutes ago}", time.Now().Add(-12*time.Minute).Format("2006-01-02 15:04"), "{a minute ago}", time.Now().Add(-time.Minute).Format("2006-01-02 15:04"))

// as gives the browser of a person, logged in.
func (s *script) as(name string) {
	s.t.Helper()
	who, ok := s.people[name]
	require.True(s.t, ok, "nobody is called %s", name)
	if s.visitors[name] == nil {
		v := newVisitor(s.t, s.server)
		v.open("/login")
		v.send("login", map[string]string{"station": "Station of " + name, "user_name": who.UserName, "password": who.Password})
		s.visitors[name] = v
	}
	s.now, s.who = s.visitors[name], name
}

// countEntries counts what the trail says was done; refused acts do not count.
func (s *script) countEntries() (n int) {
	s.t.Helper()
	for _, r := range s.trail(audit.Filter{}) {
		if !r.Refused {
			n++
		}
	}
	return n
}

// trail reads all entries that match, oldest first.
func (s *script) trail(f audit.Filter) (all []audit.Row) {
	s.t.Helper()
	f.Oldest, f.Limit = true, 500
	for {
		var page []audit.Row
		err := s.Trail.Read(s.Ctx, func(r *audit.Reader) (err error) {
			page, err = audit.History(s.Ctx, r, f)
			return err
		})
		require.NoError(s.t, err)
		all = append(all, page...)
		if len(page) < f.Limit {
			return all
		}
		f.After = page[len(page)-1].Cursor()
	}
}

// sign fills a form and signs the statement that it leads to. A form that is refused before stays shown.
func (s *script) sign(form string, fill map[string]string, signer signtest.Person, with map[string]string) {
	s.t.Helper()
	s.now.send(form, fill)
	if s.now.at.forms["sign-form"] == nil {
		return
	}
	both := map[string]string{"user_name": signer.UserName, "password": signer.Password}
	for name, value := range with {
		both[name] = value
	}
	s.now.send("sign-form", both)
}
