package recipes_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/internal/pgtest"
	"veribatch/recipes"
	"veribatch/recipes/library"
	"veribatch/signatures"
	"veribatch/signatures/access"
	"veribatch/signatures/signtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// office is a world with the people who write and release recipes.
type office struct {
	*signtest.World
	pete, penny        signtest.Person // process engineers
	sue                signtest.Person // supervisor
	both               signtest.Person // process engineer and supervisor
	quinn, quirl, vera signtest.Person // QA, QA, qualified person
}

func newOffice(t testing.TB) *office {
	t.Helper()
	w := signtest.New(t)
	return &office{
		World: w, pete: w.Person("pete.engel", access.ProcessEngineer), penny: w.Person("penny.lane", access.ProcessEngineer), sue: w.Person("sue.major", access.Supervisor),
		both: w.Person("bert.both", access.ProcessEngineer, access.Supervisor), quinn: w.Person("quinn.adler", access.QA), quirl: w.Person("quirl.moss", access.QA),
		vera: w.Person("vera.queen", access.QualifiedPerson),
	}
}

func (o *office) importText(who signtest.Person, text string) string {
	o.T.Helper()
	receipt, err := o.Run(who, "", recipes.Import{Text: text})
	require.NoError(o.T, err)
	var r recipes.Result
	require.NoError(o.T, json.Unmarshal(receipt.Result, &r))
	return r.Version
}

func (o *office) get(id string) (d *recipes.Detail) {
	o.T.Helper()
	require.NoError(o.T, o.Trail.Read(o.Ctx, func(r *audit.Reader) (err error) {
		d, err = recipes.Get(o.Ctx, r, id)
		return err
	}))
	return d
}

// states writes the state of every version of the recipe, oldest first.
func (o *office) states() string {
	o.T.Helper()
	var list []recipes.Version
	require.NoError(o.T, o.Trail.Read(o.Ctx, func(r *audit.Reader) (err error) {
		list, err = recipes.List(o.Ctx, r, []string{access.WholeSite})
		return err
	}))
	var words []string
	for i := range list {
		v := list[len(list)-1-i]
		words = append(words, fmt.Sprintf("%d %s", v.Number, v.State))
	}
	return strings.Join(words, ", ")
}

func (o *office) clean() {
	o.T.Helper()
	report, err := o.Trail.Verify(o.Ctx)
	require.NoError(o.T, err)
	require.Empty(o.T, report.Findings)
}

func text(change ...string) string {
	return strings.NewReplacer(change...).Replace(string(library.Text(library.BufferTour)))
}

// TestLife: a text goes from draft to effective by three persons and is superseded by the next (211-186a).
func TestLife(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	first := o.importText(o.pete, text())
	require.NoError(t, o.Sign(o.pete, recipes.Submit{Version: first}))
	require.NoError(t, o.Sign(o.sue, recipes.Approve{Version: first}))
	require.NoError(t, o.Sign(o.quinn, recipes.MakeEffective{Version: first}))
	second := o.importText(o.penny, text("13.90", "13.91"))
	require.Equal(t, "1 effective, 2 draft", o.states())
	require.NoError(t, o.Sign(o.penny, recipes.Submit{Version: second}))
	require.NoError(t, o.Sign(o.quinn, recipes.Approve{Version: second}))
	st, err := o.Shown(recipes.MakeEffective{Version: second})
	require.NoError(t, err)
	require.Len(t, st.Records, 2, "the version and the one that it supersedes")
	require.NoError(t, o.Sign(o.vera, recipes.MakeEffective{Version: second}))
	require.Equal(t, "1 superseded, 2 effective", o.states())

	d := o.get(second)
	digest := recipes.Digest([]byte(d.Text))
	require.Equal(t, hex.EncodeToString(digest[:]), d.Digest)
	require.Equal(t, string(recipes.Print(d.Recipe)), d.Text)
	require.Equal(t, "Penny Lane, Penny Lane, Quinn Adler, Vera Queen", strings.Join([]string{d.Imported.FullName, d.Submitted.FullName, d.Approved.FullName, d.MadeEffective.FullName}, ", "))
	var meanings []string
	for _, s := range d.Signatures {
		meanings = append(meanings, s.Meaning)
		require.Contains(t, string(s.Statement), d.Digest, "every signature names the text")
	}
	require.Equal(t, []string{"authored", "approved", "made effective"}, meanings)
	var acts []string
	for _, row := range o.Entries(d.Stream(), "") {
		acts = append(acts, row.Act+" "+row.By.User+" "+row.Details["version"])
	}
	require.Equal(t, []string{
		"recipe.import pete.engel 1", "recipe.submit pete.engel 1", "recipe.approve sue.major 1", "recipe.make_effective quinn.adler 1",
		"recipe.import penny.lane 2", "recipe.submit penny.lane 2", "recipe.approve quinn.adler 2", "recipe.make_effective vera.queen 2",
	}, acts)
	effective := 0
	require.NoError(t, o.Trail.Read(o.Ctx, func(r *audit.Reader) error {
		list, err := recipes.ListEffective(o.Ctx, r, []string{access.WholeSite})
		effective = len(list)
		return err
	}))
	require.Equal(t, 1, effective)
	o.clean()
}

func TestStatementNamesTheText(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	id := o.importText(o.pete, text())
	st, err := o.Shown(recipes.Submit{Version: id})
	require.NoError(t, err)
	require.Equal(t, "recipe.submit authored", st.Act+" "+st.Meaning)
	got := map[string]string{}
	for _, l := range st.Lines {
		got[l.Label] = l.Value
	}
	d := o.get(id)
	for label, want := range map[string]string{
		"Recipe": "BUF-PBS-10", "Version": "1", "Title": "Phosphate buffer pH 7.4, 10 L", "Product": "Sodium phosphate buffer pH 7.4", "SHA-256 of the text": d.Digest,
		"State": "draft, becomes in review", "Steps": "10", "Batch size": "10.0 L",
	} {
		require.Equal(t, want, got[label], label)
	}
	require.Equal(t, []signatures.RecordRef{{Stream: "recipe/" + recipes.ID("BUF-PBS-10"), ID: id, Version: 1}}, st.Records)
}

// TestStatementNamesWhatChanged: who signs a later version signs what changed from the effective one, in sentences and by their digest.
func TestStatementNamesWhatChanged(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	first := o.importText(o.pete, text())
	st, err := o.Shown(recipes.Submit{Version: first})
	require.NoError(t, err)
	for _, l := range st.Lines {
		require.NotContains(t, l.Label, "ompar", "the first version is compared with nothing")
	}
	require.NoError(t, o.Sign(o.pete, recipes.Submit{Version: first}))
	require.NoError(t, o.Sign(o.sue, recipes.Approve{Version: first}))
	require.NoError(t, o.Sign(o.quinn, recipes.MakeEffective{Version: first}))
	second := o.importText(o.pete, text("13.99", "14.05"))
	third := o.importText(o.pete, text("13.99", "14.10"))
	require.NotEqual(t, second, third)
	st, err = o.Shown(recipes.Submit{Version: third})
	require.NoError(t, err)
	got := map[string]string{}
	for _, l := range st.Lines {
		got[l.Label] = l.Value
	}
	const sentence = "Action limits of value net of step 040 widened: 13.71 – 13.99 g → 13.71 – 14.10 g"
	require.Equal(t, "version 1: 1 critical, 0 major and 0 minor changes", got["Compared with"], "with the effective version, not with the draft before")
	require.Equal(t, sentence, got["Critical change"])
	require.Equal(t, fmt.Sprintf("%x", recipes.Digest([]byte("critical: "+sentence+"\n"))), got["SHA-256 of the comparison"])
	require.NoError(t, o.Sign(o.pete, recipes.Submit{Version: third}))
	o.clean()
}

// TestThreePersons: nobody approves or releases own work, whatever roles the person holds.
func TestThreePersons(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	mine := o.importText(o.both, text())
	require.NoError(t, o.Sign(o.pete, recipes.Submit{Version: mine}))
	err := o.Sign(o.both, recipes.Approve{Version: mine})
	require.Equal(t, fault.Refused, fault.KindOf(err), "imported it: %v", err)
	require.Contains(t, err.Error(), "You imported or submitted version 1 of BUF-PBS-10 yourself")
	theirs := o.importText(o.pete, text("13.90", "13.92"))
	require.NoError(t, o.Sign(o.both, recipes.Submit{Version: theirs}))
	require.Equal(t, fault.Refused, fault.KindOf(o.Sign(o.both, recipes.Approve{Version: theirs})), "submitted it")
	require.NoError(t, o.Sign(o.quinn, recipes.Approve{Version: theirs}))
	err = o.Sign(o.quinn, recipes.MakeEffective{Version: theirs})
	require.Equal(t, fault.Refused, fault.KindOf(err), "approved it: %v", err)
	require.Contains(t, err.Error(), "A third person")
	err = o.Sign(o.sue, recipes.MakeEffective{Version: theirs})
	require.Equal(t, fault.Forbidden, fault.KindOf(err), "a supervisor makes nothing effective: %v", err)
	require.NoError(t, o.Sign(o.quirl, recipes.MakeEffective{Version: theirs}))
	o.clean()
}

// TestOrderOfLife: every move out of turn is refused in words.
func TestOrderOfLife(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	id := o.importText(o.pete, text())
	refused := func(kind fault.Kind, says string, c signtest.Signed) {
		t.Helper()
		_, err := o.Shown(c)
		require.Equal(t, kind, fault.KindOf(err), "%v", err)
		require.Contains(t, err.Error(), says)
	}
	refused(fault.NotReady, "Version 1 of BUF-PBS-10 is a draft. Submit it first.", recipes.Approve{Version: id})
	refused(fault.NotReady, "is a draft. Have it approved first.", recipes.MakeEffective{Version: id})
	require.NoError(t, o.Sign(o.pete, recipes.Submit{Version: id}))
	refused(fault.Conflict, "was already submitted by Pete Engel at ", recipes.Submit{Version: id})
	refused(fault.NotReady, "is in review. Have it approved first.", recipes.MakeEffective{Version: id})
	require.NoError(t, o.Sign(o.sue, recipes.Approve{Version: id}))
	require.NoError(t, o.Sign(o.quinn, recipes.MakeEffective{Version: id}))
	refused(fault.Conflict, "was already made effective by Quinn Adler at ", recipes.MakeEffective{Version: id})
	for _, wrong := range []string{"", "x", recipes.ID("BUF-PBS-10"), id + "0", id + "-1", strings.ToUpper(id), recipes.ID("NONE") + "-1", "a/../b"} {
		refused(fault.Missing, "There is no such version", recipes.Approve{Version: wrong})
		_, err := o.Run(o.sue, "", recipes.Approve{Version: wrong})
		require.Equal(t, fault.Missing, fault.KindOf(err), "%q: %v", wrong, err)
	}
	older, newer := o.importText(o.pete, text("13.90", "13.91")), o.importText(o.pete, text("13.90", "13.92"))
	for _, v := range []string{older, newer} {
		require.NoError(t, o.Sign(o.pete, recipes.Submit{Version: v}))
		require.NoError(t, o.Sign(o.sue, recipes.Approve{Version: v}))
	}
	require.NoError(t, o.Sign(o.quinn, recipes.MakeEffective{Version: newer}))
	refused(fault.NotReady, "Version 3 of BUF-PBS-10 is effective, which is newer", recipes.MakeEffective{Version: older})
	require.Equal(t, "1 superseded, 2 approved, 3 effective", o.states())
}

// TestImport: faults come back all together, nothing is half saved, the same text is one version.
func TestImport(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	_, err := o.Run(o.pete, "", recipes.Import{Text: text(`kind   = "scan"`, `kind   = "scam"`, `role    = "supervisor"`, `role    = "boss"`)})
	var faults recipes.Faults
	require.True(t, errors.As(err, &faults), "%v", err)
	require.Len(t, faults, 2)
	f := fault.As(err)
	require.Equal(t, "invalid text", string(f.Kind)+" "+f.Field)
	require.Contains(t, f.Message, fmt.Sprintf("The text has 2 faults; nothing was imported. Line %d, column %d: ", faults[0].Line, faults[0].Column))
	for _, bad := range []string{"", strings.Repeat("x", 10<<20), `recipe "${x}" {}`, strings.Repeat("{", 10_000), "\x00\xff"} {
		_, err := o.Run(o.pete, "", recipes.Import{Text: bad})
		require.Contains(t, []fault.Kind{fault.Invalid, fault.TooLarge}, fault.KindOf(err), "%.30q: %v", bad, err)
	}
	require.Empty(t, o.states())
	id := o.importText(o.pete, text())
	for _, same := range []string{text(), text("\n\n", "\n"), text("  title       =", "title =")} {
		_, err = o.Run(o.penny, "", recipes.Import{Text: same})
		require.Equal(t, fault.Conflict, fault.KindOf(err), "%v", err)
		require.Contains(t, err.Error(), "This text is version 1 of BUF-PBS-10 already, imported by Pete Engel at ")
	}
	_, err = o.Run(o.sue, "", recipes.Import{Text: text("13.90", "13.91")})
	require.Equal(t, fault.Forbidden, fault.KindOf(err))
	require.Equal(t, string(recipes.Print(o.get(id).Recipe)), o.get(id).Text)
	o.clean()
}

// TestImportAtOnce: versions are numbered without gaps also when many import at the same moment.
func TestImportAtOnce(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	var done sync.WaitGroup
	for i := range 20 {
		done.Go(func() {
			if _, err := o.Run(o.pete, "", recipes.Import{Text: text("13.90", fmt.Sprintf("13.9%02d", i), `decimals = "2"`, `decimals = "3"`)}); err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
	var want []string
	for n := 1; n <= 20; n++ {
		want = append(want, fmt.Sprintf("%d draft", n))
	}
	require.Equal(t, strings.Join(want, ", "), o.states())
	o.clean()
}

// TestApproveAtOnce: two persons approve at once; one wins, the other learns who and when.
func TestApproveAtOnce(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	id := o.importText(o.pete, text())
	require.NoError(t, o.Sign(o.pete, recipes.Submit{Version: id}))
	c := recipes.Approve{Version: id}
	st, err := o.Shown(c)
	require.NoError(t, err)
	people := []signtest.Person{o.sue, o.quinn}
	errs := make([]error, 2)
	var done sync.WaitGroup
	for i, who := range people {
		ticket := o.Ticket(who, who, st)
		done.Go(func() { _, errs[i] = o.Run(who, ticket, c) })
	}
	done.Wait()
	winner := 0
	if errs[0] != nil {
		winner = 1
	}
	require.NoError(t, errs[winner])
	require.Equal(t, fault.Conflict, fault.KindOf(errs[1-winner]), "%v", errs)
	require.Contains(t, errs[1-winner].Error(), "was already approved by "+people[winner].FullName+" at ")
	o.clean()
}

// A recipe that the program cannot execute yet is imported and submitted, and approved by nobody.
func TestNobodyApprovesWhatIsNotExecutedYet(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	whole, err := os.ReadFile("testdata/whole.recipe")
	require.NoError(t, err)
	id := o.importText(o.pete, string(whole))
	require.NoError(t, o.Sign(o.pete, recipes.Submit{Version: id}))
	for _, try := range []error{second(o.Shown(recipes.Approve{Version: id})), o.Sign(o.sue, recipes.Approve{Version: id})} {
		require.Equal(t, fault.NotReady, fault.KindOf(try), "%v", try)
		require.Regexp(t, `Version 1 of WHOLE-1 cannot be approved, because the program cannot execute all of it yet\. Line \d+: The program cannot execute assign "010" yet\.`, try.Error())
	}
	require.Equal(t, "1 in_review", o.states())
	o.clean()
}

// A version that was imported when the checker asked less is read and submitted as it is, and approved by nobody.
func TestNobodyApprovesWhatTheCheckerRefusesToday(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	first := o.importText(o.pete, text())
	old := []byte(strings.Replace(text(), "  # per_unit of the components refers to one litre\n  unit_size = \"1 L\"\n", "", 1))
	_, faults := recipes.Check("x", old)
	require.Len(t, faults, 1)
	digest, id := recipes.Digest(old), strings.TrimSuffix(first, "-1")+"-2"
	_, err := o.Trail.Change(o.Ctx, audit.Intent{Session: o.pete.Token, Act: "recipe.import", Home: recipes.StreamOf(id)}, func(tx *audit.Tx) error {
		if _, err := tx.Keep(o.Ctx, old); err != nil {
			return err
		}
		_, err := tx.Exec(o.Ctx, `insert into ebr.recipe_versions (id, recipe, number, title, product, state, digest, created_by, created_at)
			select $2, recipe, 2, title, product, 'draft', $3, created_by, $4 from ebr.recipe_versions where id = $1`, first, id, digest[:], tx.Now())
		return err
	})
	require.NoError(t, err)
	require.NoError(t, o.Sign(o.pete, recipes.Submit{Version: id}))
	err = o.Sign(o.sue, recipes.Approve{Version: id})
	require.Equal(t, fault.NotReady, fault.KindOf(err), "%v", err)
	require.ErrorContains(t, err, "Version 2 of BUF-PBS-10 has faults by the rules of this version of the program. Line 4: The total weight or measure of a dosage unit is not stated")
	o.clean()
}

func second(_ signatures.Statement, err error) error { return err }
