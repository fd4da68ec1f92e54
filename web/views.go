package web

import (
	"net/url"
	"slices"
	"time"

	"veribatch/internal/fault"
	"veribatch/internal/language"
)

// View is one page as plain data: it knows its template and its frame, and nothing of the database.
// A handler fills a view and hands it to Pages.Render.
//
// Paths that templates and scripts name themselves (all other addresses come in the Action or Href fields):
//
//	GET  /                    home                POST /session/lock     lock the station (idle timer, lock button)
//	GET  /recipes             recipes             POST /session/unlock   password → back to "next"
//	GET  /trail               audit trail         POST /session/close    log out
//	GET  /login               log-in page         GET  /session/password change of password
type View interface {
	Frame() *Page
	template() string
}

// Page is the frame around every page: who works where, on which batch, and what went wrong or well.
// Every view embeds it.
type Page struct {
	Language language.Tag  // of this page; "" = English
	Title    string        // what the page is about, shown in the window's title
	Demo     bool          // a banner says that nothing here is a real record
	Person   *Person       // who is logged in; nil when nobody is
	Station  string        // the name of this station; "" when it has none yet
	Places   []Link        // the navigation, already limited to what the person may read (see Places)
	Context  *Context      // the batch that the page is about; nil elsewhere
	Faults   []Fault       // what went wrong, shown in the message area
	Alarms   []Alarm       // what is abnormal about the system, for those who may act on it
	Notice   string        // what went well ("Value recorded."), shown once
	Now      time.Time     // server time, from which the clock in the header runs
	Idle     time.Duration // the station locks after so long without a touch; 0 = never
	Path     string        // the GET address of this page, to which an unlock returns
	Dark     bool          // colours for a dark room; chosen at the browser and kept there
}

// Frame gives the part that all pages share.
func (p *Page) Frame() *Page { return p }

// Person is somebody as the screens print them.
type Person struct {
	UserName, FullName string
	Roles              []string
}

// Context is the line under the header that says on what the person works (batch, product, step, recipe version).
type Context struct {
	Batch        string // batch number; "" while it is only ordered
	Order        string // order number
	Href         string // the batch's overview
	Product      string
	Recipe       string // recipe name
	Version      string // recipe version, as printed
	State        string // batch state, one word of ISA-88: ordered, idle, running, held, complete, aborted
	Step, Steps  int    // step n of m; Step 0 on pages that are not about one step
	StepComplete int    // how many steps are complete
}

// Link is an address with its words.
type Link struct {
	Href, Words string
	Current     bool // the page shown is this place
	More        bool // not needed every hour: stands behind "More"
}

// Fault is what went wrong, in the operator's words. Field is the id of the input it belongs to ("" for none).
type Fault struct {
	Field, Message string
}

// places are the pages that the navigation leads to: first those of every hour, then what stands behind "More".
var places = []struct {
	href, words, act string
	more             bool
}{
	{"/", "Home", "order.read", false},
	{"/recipes", "Recipes", "recipe.read", false},
	{"/trail", "Audit trail", "trail.read", false},
	{"/incidents", "Incidents", "incident.read", true},
	{"/people", "People", "person.read", true},
	{"/areas", "Areas", "area.read", true},
	{"/configuration", "Configuration", "configuration.read", true},
	{"/backups", "Backups", "backup.read", true},
	{"/log", "Log and checkpoints", "log.read", true},
	{"/tokens", "API tokens", "token.read", true},
	{"/accountability", "Accountability", "accountability.sign", true},
}

// Places gives the navigation for a person; current is the Href of the place shown.
func Places(current string, may func(act string) bool) (list []Link) {
	for _, p := range places {
		if may(p.act) {
			list = append(list, Link{Href: p.href, Words: p.words, Current: p.href == current, More: p.more})
		}
	}
	return list
}

// Form is one form of a page: where it posts and what was typed into it. A nil *Form is an act that the person may not do
// here or that the state does not allow: the page then shows no button for it.
//
// Every form posts two hidden fields beside its own: "key", the request key (a fresh one is minted when Key is empty, so a
// refused form gets a new one by itself), and "seen", the version of the record that the person saw (when Seen > 0).
type Form struct {
	ID     string            // unique on the page, prefix of its inputs' ids ("hold" gives "hold-reason")
	Action string            // where it posts, "/batches/…/hold"
	Key    string            // request key to use; "" = a fresh one
	Seen   int               // version of the record shown; 0 = none
	Signed bool              // the answer to the post is the statement to sign (a SignView), shown as a dialog
	Typed  map[string]string // what was typed, by field name, so that nothing is typed twice after a fault
	Wrong  map[string]string // what is wrong, by field name
}

// Refuse puts a failed act on the page: the message at the top, and at the field when the fault names one of form.
// typed is the posted form, shown again except passwords; form may be nil.
func (p *Page) Refuse(err error, form *Form, typed url.Values) {
	f := fault.As(err)
	at := Fault{Message: f.In(p.Language)}
	if form != nil {
		form.Typed, form.Wrong = map[string]string{}, map[string]string{}
		for name, values := range typed {
			if name != "key" && name != "seen" && name != "password" && name != "new_password" && name != "again" && len(values) > 0 {
				form.Typed[name] = values[0]
			}
		}
		if f.Field != "" {
			form.Wrong[f.Field] = at.Message
			at.Field = form.ID + "-" + f.Field
		}
	}
	if !slices.Contains(p.Faults, at) {
		p.Faults = append(p.Faults, at)
	}
}

// Line is a label with its value, both as printed.
type Line struct{ Label, Value string }

// Signed is one signature as printed: who, when, and what the signature means (21 CFR 11.50).
type Signed struct {
	Meaning  string // performed, verified, approved …
	Name     string // printed name of the signer
	UserName string
	At       time.Time
	Void     bool   // taken back by a later correction: shown struck through
	VoidWhy  string // and why
}

// Comment is a remark that somebody added.
type Comment struct {
	Text, By string
	At       time.Time
}

// LoginView is the log-in page. Form fields: user_name, password, station (only when Page.Station is empty), next.
type LoginView struct {
	Page
	Login  *Form
	Next   string       // where to go after the log-in
	People []DemoPerson // only in the demo plant: the one place where its passwords stand
}

// DemoPerson is a person of the demo plant with password and role, as listed on the demo's log-in page.
type DemoPerson struct{ UserName, FullName, Role, Password string }

// LockView is the page of a locked station: the person who locked it unlocks with the password (fields: password, next), or somebody
// else logs in instead (Close). Send it with status 423 so that the script keeps what was typed and shows its own lock dialog.
type LockView struct {
	Page
	Unlock *Form
	Close  *Form // log out, for another person
	Next   string
}

// FirstView creates the first administrator. Form fields: token, user_name, full_name, password, again, station.
type FirstView struct {
	Page
	Create *Form
	Rules  []string // the password rules, one sentence each
}

// PasswordView asks for a new password. Form fields: password (the present one), new_password, again.
type PasswordView struct {
	Page
	Change *Form
	Why    string // why it must be changed now; "" when the person asked for it
	Rules  []string
}

// SignView shows the statement to be signed: label and value lines, meaning and time, and nothing else. It names no signer: whoever
// gives user name and password signs, and the record prints that name. The same act is
// posted again with the command's fields (Fields), user_name, password and the statement's digest in "statement".
type SignView struct {
	Page
	Sign    *Form
	Meaning string // what the signature will mean, from the statement
	Lines   []Line // the statement, line by line
	Digest  string // hex SHA-256 of the statement's bytes
	Fields  []Line // the command's own fields, carried along unseen (Label is the field's name)
	Back    string // where "do not sign" goes
	Series  string // printed name of the person whose series of signatures goes on with the password alone; "" otherwise
}

// SecretView shows a secret that an act made, this once: nobody can ask for it again.
type SecretView struct {
	Page
	What   string // what went well
	Secret string
	Next   string // where to go afterwards
}

// ErrorView is the page of a fault that has no page of its own.
type ErrorView struct {
	Page
	Heading   string // "Not found", "Not allowed", "Something failed inside the system"
	Message   string
	Reference string // reference number of the incident; "" for faults of the user
	Back      string
}

func (*LoginView) template() string    { return "sessions/login" }
func (*LockView) template() string     { return "sessions/lock" }
func (*FirstView) template() string    { return "sessions/first" }
func (*PasswordView) template() string { return "sessions/password" }
func (*SignView) template() string     { return "sign/statement" }
func (*SecretView) template() string   { return "sign/secret" }
func (*ErrorView) template() string    { return "errors/fault" }
