package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"

	"veribatch/audit"
	"veribatch/ebr/export"
	"veribatch/internal/fault"
	"veribatch/signatures"
)

// Command is one act of the plant as a plain struct: the form, the digest of the request key and the signed statement come from it.
type Command interface {
	Act() string
	Home() audit.Stream
	Do(ctx context.Context, tx *audit.Tx) error
}

// Signable is a command that somebody signs: the dialog shows its statement and nothing else.
type Signable interface {
	Command
	Statement(ctx context.Context, q audit.Querier) (signatures.Statement, error)
}

// secretive is a command that makes a secret, such as a token: Mint (of the pointer) makes it before the act, and who acts is shown it once. It is no
// part of the record and of the request key, so a repeat of the request shows none.
type secretive interface {
	Command
	Reveal() string
}

// mint gives a command its secret, when it makes one, and what the server knows of the plant, when it prints that.
func (s *server) mint(cmd any) {
	if c, ok := cmd.(interface{ Mint() }); ok {
		c.Mint()
	}
	if c, ok := cmd.(interface{ At(p export.Plant) }); ok {
		c.At(export.Plant{Site: s.Site, Program: "Veribatch " + s.Version, Demo: len(s.Demo) > 0, Documents: s.Documents})
	}
}

// place says where the form of a command stands on the site.
type place struct {
	page  page                                          // draws the page again, with the refused form
	read  string                                        // the act of reading that page
	names map[string]string                             // field of the command by field of the form, where they differ
	next  func(v *visit, result json.RawMessage) string // where to go when it is done
	other bool                                          // another person than the one logged in may well sign it: no user name is proposed
}

// shown gives the field of the form at which a fault stands.
func (at place) shown(field string, posted url.Values) string {
	for name, of := range at.names {
		if of == field && posted.Has(name) {
			return name
		}
	}
	return field
}

// command makes the handler of one act. It is the only way by which a form of the plant changes a record.
func command[C Command](s *server, at place, prepare ...func(*visit) error) func(*visit) error {
	return func(v *visit) error {
		if err := v.readForm(v.route.limit()); err != nil {
			return v.refuse(at, err)
		}
		for _, f := range prepare {
			if err := f(v); err != nil {
				return v.refuse(at, err)
			}
		}
		var cmd C
		if err := bind(v, &cmd, at.names); err != nil {
			return v.refuse(at, err)
		}
		s.mint(&cmd)
		return s.change(v, cmd, at)
	}
}

// signing is what comes with a command that somebody signs: both components, and the digest of the statement that was shown.
type signing struct {
	UserName  string `json:"user_name,omitempty" doc:"user name of the person who signs; it may be another person than the one logged in. May be left out in a series of signatures"`
	Password  string `json:"password" doc:"password of the person who signs, given for each signature"`
	Statement string `json:"statement" doc:"the digest of the statement that the person was shown"`
}

// unsigned says that a command waits for a signature: nobody has signed yet, or (why) the signature was refused.
type unsigned struct {
	cmd Signable
	why error
}

// Error says what is missing.
func (u *unsigned) Error() string { return "this act needs a signature" }

// Unwrap gives the reason of a refused signature.
func (u *unsigned) Unwrap() error { return u.why }

// change carries out the command of a form and shows what came of it.
func (s *server) change(v *visit, cmd Command, at place) error {
	var given *signing
	if v.form.Has("password") {
		given = &signing{v.form.Get("user_name"), v.form.Get("password"), v.form.Get("statement")}
	}
	receipt, err := s.carryOut(v, cmd, v.form.Get("key"), given, at.read)
	var open *unsigned
	switch {
	case errors.As(err, &open):
		return s.askToSign(v, open.cmd, at, open.why)
	case err != nil:
		return v.refuse(at, err)
	}
	if c, ok := cmd.(secretive); ok && !receipt.Replayed {
		view := &SecretView{Page: v.frame(v.words("Shown once")), What: v.words(notices[cmd.Act()]), Secret: c.Reveal(), Next: at.next(v, receipt.Result)}
		return v.show(200, view)
	}
	return v.done(at, receipt)
}

// carryOut carries out one command, of a form or of the API: a repeat gets the stored answer, a signed act first its statement and then its
// ticket, and everything happens in one transaction under one entry. reads is the right without which nobody sees the statement.
func (s *server) carryOut(v *visit, cmd Command, key string, given *signing, reads string) (audit.Receipt, error) {
	if key == "" {
		return audit.Receipt{}, fault.New(fault.Invalid, "This form carries no request key. Open the page again.")
	}
	in := audit.Intent{Session: v.who.Token, Act: cmd.Act(), Home: cmd.Home(), Key: key, Command: cmd}
	if c, ok := cmd.(interface{ Why() string }); ok {
		in.Reason = c.Why()
	}
	receipt, found, err := s.Trail.Replayed(v.ctx, in)
	if err != nil || found {
		return receipt, err
	}
	if in.Also, err = s.also(v, cmd); err != nil {
		return receipt, err
	}
	signed, ok := cmd.(Signable)
	if ok {
		st, err := s.statement(v, signed, reads)
		if err != nil {
			return receipt, s.entered(v, in, err)
		}
		if st.Act != "" && v.who.Machine {
			err := fault.New(fault.Forbidden, "A machine does not sign. This act needs a person with user name and password.")
			return receipt, errors.Join(err, s.Trail.Refuse(v.ctx, in, err))
		}
		if st.Act != "" { // else nothing is to be signed here
			if in.Ticket, err = s.ticket(v, in, st, given); err != nil || in.Ticket == "" {
				return receipt, &unsigned{signed, err}
			}
		}
	}
	ctx := context.WithoutCancel(v.ctx)
	receipt, err = s.Trail.Change(ctx, in, func(tx *audit.Tx) error { return cmd.Do(ctx, tx) })
	if in.Ticket != "" && fault.KindOf(err) == fault.Forbidden {
		return receipt, &unsigned{signed, err}
	}
	return receipt, err
}

// also gives the further subjects of a command: those that it names, or those that belong to it at this moment. Such a command looks once more in its
// transaction whether these are all.
func (s *server) also(v *visit, cmd Command) (subjects []audit.Stream, err error) {
	switch c := cmd.(type) {
	case interface{ Also() []audit.Stream }:
		return c.Also(), nil
	case interface {
		AlsoNow(ctx context.Context, q audit.Querier) ([]audit.Stream, error)
	}:
		err = s.Trail.Read(v.ctx, func(r *audit.Reader) (err error) {
			subjects, err = c.AlsoNow(v.ctx, r)
			return err
		})
	}
	return subjects, err
}

// entered enters an act that the process refused before anybody was asked to sign it.
func (s *server) entered(v *visit, in audit.Intent, why error) error {
	switch fault.KindOf(why) {
	case fault.Refused, fault.NotReady, fault.Conflict:
		return errors.Join(why, s.Trail.Refuse(v.ctx, in, why))
	}
	return why
}

// ticket turns user name, password and the statement that was shown into a signing ticket; "" when nobody has signed yet.
func (s *server) ticket(v *visit, in audit.Intent, st signatures.Statement, given *signing) (string, error) {
	if given == nil {
		return "", nil
	}
	digest, err := st.Digest()
	if err != nil {
		return "", err
	}
	if given.Statement != digest.String() {
		return "", s.entered(v, in, fault.New(fault.Conflict, "The record changed since you read it. Read it again, then sign what is shown now."))
	}
	if err := v.mayTry(); err != nil {
		return "", err
	}
	return s.Desk.Issue(v.ctx, signatures.Request{Session: v.who.Token, UserName: given.UserName, Password: given.Password, Statement: st})
}

// statement builds what is to be signed from the present state, for a person who may read it.
func (s *server) statement(v *visit, cmd Signable, reads string) (st signatures.Statement, err error) {
	_, err = v.read(reads, func(v *visit) (View, error) {
		st, err = cmd.Statement(v.ctx, v.Querier)
		return nil, err
	})
	return st, err
}

// askToSign shows the statement. A refused signature (why) leaves the dialog open with the reason; anything that is wrong with the act
// itself goes back to the form.
func (s *server) askToSign(v *visit, cmd Signable, at place, why error) error {
	kind := fault.KindOf(why)
	if why != nil && kind != fault.Unauthenticated && kind != fault.Forbidden && kind != fault.Invalid {
		return v.refuse(at, why)
	}
	st, err := s.statement(v, cmd, at.read)
	if err != nil {
		return v.refuse(at, err)
	}
	digest, err := st.Digest()
	if err != nil {
		return v.refuse(at, err)
	}
	view := &SignView{Page: v.frame(v.words("Sign: %s", st.Meaning)), Meaning: st.Meaning, Digest: digest.String(), Back: v.path(), Fields: v.commandFields()}
	view.Sign = &Form{ID: "sign-form", Action: v.c.Request().URL.Path, Signed: true}
	switch {
	case v.who.Series && kind != fault.Forbidden && cmd.Act() != "step.verify": // the second person stands beside the first one
		view.Series = v.who.FullName
	case !at.other && v.who.UserName != "": // who signs is known by name and password only; this saves typing
		view.Sign.Typed = map[string]string{"user_name": v.who.UserName}
	}
	for _, l := range st.Lines {
		view.Lines = append(view.Lines, Line(l))
	}
	if why == nil {
		return v.show(200, view)
	}
	view.Refuse(why, view.Sign, v.form)
	return v.show(status[kind], view)
}

// commandFields are the fields of the command itself, carried along while it is signed.
func (v *visit) commandFields() []Line {
	var lines []Line
	for name := range v.form {
		if !slices.Contains(carried, name) {
			lines = append(lines, Line{Label: name, Value: v.form.Get(name)})
		}
	}
	return lines
}

// done sends the browser to the page that shows what was done; a repeated request gets the same answer.
func (v *visit) done(at place, receipt audit.Receipt) error {
	v.s.setCookie(v.c, noticeCookie, v.route.Act, 60)
	return v.redirect(at.next(v, receipt.Result))
}

// refuse shows the page of the form again: what was typed, what is wrong at which field, and a new request key. Nothing was saved.
func (v *visit) refuse(at place, why error) error {
	f := *fault.As(why)
	if f.Kind == fault.Internal || f.Kind == fault.Unauthenticated {
		return why
	}
	f.Field = at.shown(f.Field, v.form)
	v.refused = &refusal{err: &f, typed: v.form, action: v.c.Request().URL.Path}
	view, err := v.read(at.read, at.page)
	if err != nil { // the page is not there any more, or not for this person: the refusal stands alone
		v.refused = nil
		return v.fail(&f)
	}
	return v.show(status[f.Kind], view)
}
