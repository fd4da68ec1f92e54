package web

import (
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"veribatch/audit"
	"veribatch/internal/fault"
	"veribatch/signatures/identity"
)

// The JSON API stands below apiRoot on the same routes as the screens: an act is the same command with the same right, the same request key and
// the same entry. It knows bearer tokens and no cookies, so another site has nothing to send in a person's name.
const apiRoot = "/api/v1"

// keyHeader carries the request key of an act, as the hidden field "key" of a form does.
const keyHeader = "Idempotency-Key"

// operation says what an address of the API takes and gives, for the program and for its description alike.
type operation struct {
	query  reflect.Type // struct of the parameters, of a read
	body   reflect.Type // struct of the JSON body, of an act
	answer reflect.Type // nil for a file
	file   string       // kind of the file
	signed bool
	twin   *Route // the form of the same act
}

// done is the answer to an act. It says nothing that a repeat of the request could not say again.
type done struct {
	Act     string       `json:"act" doc:"word of the act, as in the audit trail"`
	Subject audit.Stream `json:"subject" doc:"the record whose audit trail has the entry"`
	Result  any          `json:"result,omitzero" doc:"what the act made, as ids"`
	Secret  string       `json:"secret,omitempty" doc:"a secret that the act made: it is shown this once and kept nowhere"`
}

// act adds the operation of a command: what stands in the address, the rest as JSON body, and the signature where somebody signs.
func act[C Command](t *table, path, word string, at place, twin *Route) {
	var cmd C
	_, signed := any(cmd).(Signable)
	params := paramsOf(path)
	body := bodyOf(reflect.TypeFor[C](), word, params, signed)
	t.operations = append(t.operations, &Route{
		Method: http.MethodPost, Path: apiRoot + path, Act: word,
		api: &operation{body: body, answer: reflect.TypeFor[done](), signed: signed, twin: twin},
		handle: func(v *visit) error {
			cmd, given, err := commandIn[C](v, body, params)
			if err != nil {
				return err
			}
			key := v.c.Request().Header.Get(keyHeader)
			if id, err := uuid.Parse(key); err != nil || id.Version() != 7 || len(key) != 36 {
				return &unread{http.StatusBadRequest, fault.New(fault.Invalid, "The header %s is missing or no UUID of version 7. Make a new one for each act, and send it again with each repeat of the same act.", keyHeader)}
			}
			receipt, err := t.s.carryOut(v, cmd, key, given, at.read)
			if err != nil {
				return t.s.withStatement(v, cmd, given, at.read, err)
			}
			if receipt.Replayed {
				v.c.Response().Header().Set("Idempotent-Replayed", "true")
			}
			answer := done{Act: word, Subject: receipt.Stream}
			if len(receipt.Result) > 0 {
				answer.Result = json.RawMessage(receipt.Result)
			}
			if c, ok := any(cmd).(secretive); ok && !receipt.Replayed {
				answer.Secret = c.Reveal()
			}
			if at := madeAt(word, receipt.Result); at != "" {
				v.c.Response().Header().Set(echo.HeaderLocation, at)
				return v.jsonAs(http.StatusCreated, answer)
			}
			return v.json(answer)
		},
	})
}

// made are the addresses of what acts make, where it has one of its own; the ids in braces stand in the result.
var made = map[string]string{
	"order.create": "/batches/{batch}", "recipe.import": "/recipes/{version}", "person.create": "/people/{person}", "trail.begin_review": "/batches/{batch}/reviews/{review}",
	"batch.export": "/batches/{batch}/exports/{export}",
}

// madeAt gives the address of what an act has made; "" when it has none.
func madeAt(word string, result []byte) string {
	pattern, ids := made[word], map[string]any{}
	if pattern == "" || json.Unmarshal(result, &ids) != nil {
		return ""
	}
	for name, id := range ids {
		if id, ok := id.(string); ok {
			pattern = strings.ReplaceAll(pattern, "{"+name+"}", id)
		}
	}
	return apiRoot + pattern
}

// told adds an act on the session or an account, which is no command of the plant.
func told[B, A any](t *table, path, word string, handle func(v *visit, body B) (A, error)) *Route {
	var fields []reflect.StructField
	for f := range reflect.TypeFor[B]().Fields() {
		fields = append(fields, f)
	}
	body := reflect.StructOf(withWords(reflect.TypeFor[B](), word, fields))
	r := &Route{Method: http.MethodPost, Path: apiRoot + path, Act: word, api: &operation{body: body, answer: reflect.TypeFor[A]()}}
	r.handle = func(v *visit) error {
		if v.who.Machine && !r.anyone {
			return v.refuseMachine()
		}
		var in B
		if err := v.readBody(&in); err != nil {
			return err
		}
		answer, err := handle(v, in)
		if err != nil {
			return err
		}
		return v.json(answer)
	}
	t.operations = append(t.operations, r)
	return r
}

// refuseMachine refuses an act on a session or an own account: a machine has neither.
func (v *visit) refuseMachine() error {
	err := fault.New(fault.Forbidden, "A machine has no session to lock or close and no password. Its token ends when it expires or is revoked.")
	in := audit.Intent{Session: v.who.Token, Act: v.route.Act, Home: identity.StationStream(v.who.Station)}
	return errors.Join(err, v.s.Trail.Refuse(v.ctx, in, err))
}

// paramsOf lists the names that stand in an address.
func paramsOf(path string) (names []string) {
	for part := range strings.SplitSeq(path, "/") {
		if name, ok := strings.CutPrefix(part, ":"); ok {
			names = append(names, name)
		}
	}
	return names
}

// nameOf gives the JSON name of a field; "" for one that never travels.
func nameOf(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	if name == "-" {
		return ""
	}
	return name
}

// bodyOf makes the type of a command's JSON body.
func bodyOf(command reflect.Type, act string, params []string, signed bool) reflect.Type {
	var fields []reflect.StructField
	for f := range command.Fields() {
		if name := nameOf(f); name != "" && !slices.Contains(params, name) {
			fields = append(fields, reflect.StructField{Name: f.Name, Type: f.Type, Tag: f.Tag})
		}
	}
	fields = withWords(command, act, fields)
	if signed {
		fields = append(fields, reflect.StructField{
			Name: "Signature", Type: reflect.TypeFor[*signing](),
			Tag: `json:"signature,omitempty" doc:"both components and the statement's digest; without it the answer is 428 with the statement to sign"`,
		})
	}
	return reflect.StructOf(fields)
}

// commandIn reads a command from address and body.
func commandIn[C Command](v *visit, body reflect.Type, params []string) (cmd C, given *signing, err error) {
	in := reflect.New(body)
	if err := v.readBody(in.Interface()); err != nil {
		return cmd, nil, err
	}
	target := reflect.ValueOf(&cmd).Elem()
	for i := range target.NumField() {
		f := target.Type().Field(i)
		if name := nameOf(f); slices.Contains(params, name) {
			target.Field(i).SetString(v.c.Param(name))
		} else if name != "" {
			target.Field(i).Set(in.Elem().FieldByName(f.Name))
		}
	}
	v.s.mint(&cmd)
	if s := in.Elem().FieldByName("Signature"); s.IsValid() && s.Type() == reflect.TypeFor[*signing]() {
		given, _ = s.Interface().(*signing)
	}
	return cmd, given, nil
}

// serve runs an operation: whose token is it, may that session ask at all, then the operation's own handler.
func (s *server) serve(route Route) echo.HandlerFunc {
	return func(c echo.Context) error {
		v := s.visit(c)
		v.route = route
		c.Set(actKey, route.Act)
		err := acceptable(c.Request().Header.Get(echo.HeaderAccept), route)
		if err == nil {
			err = v.identify()
		}
		if err == nil {
			err = v.addressed()
		}
		if err == nil {
			err = v.pass()
		}
		if err != nil {
			return v.problem(err)
		}
		return nil
	}
}

// pass runs the handler for a session that is neither locked nor waits for a new password.
func (v *visit) pass() error {
	why := v.barred()
	if why == nil {
		return v.route.handle(v)
	}
	if err := v.refuseHere(why); err != nil {
		return err
	}
	if v.who.Locked {
		return &unread{http.StatusLocked, errLocked}
	}
	return why
}

// identify finds the session of the bearer token. Operations for anyone go on without one.
func (v *visit) identify() (err error) {
	header := v.c.Request().Header.Get(echo.HeaderAuthorization)
	scheme, token, _ := strings.Cut(header, " ")
	switch {
	case header == "" && v.route.anyone:
		return nil
	case !strings.EqualFold(scheme, "Bearer") || token == "":
		return v.shut("", fault.New(fault.Unauthenticated, "There is no token. Open a session and send its token in the header Authorization: Bearer …"))
	}
	if strings.HasPrefix(token, identity.TokenPrefix) {
		v.who, err = v.s.Gate.FindMachine(v.ctx, token)
	} else {
		v.who, err = v.s.Gate.Find(v.ctx, token)
	}
	switch {
	case err == nil:
	case v.route.anyone && fault.KindOf(err) == fault.Unauthenticated:
		v.who, err = identity.Session{}, nil
	default:
		err = v.shut(token, err)
	}
	v.station = v.who.Station
	v.c.Set(personKey, v.who.Person)
	return err
}

// acceptable refuses who takes no answer of the kind that the operation gives, before anything is done.
func acceptable(accept string, r Route) error {
	kind := echo.MIMEApplicationJSON
	if r.api.answer == nil {
		kind = "application/pdf"
	}
	for one := range strings.SplitSeq(accept, ",") {
		media, params, err := mime.ParseMediaType(one)
		if q, bad := strconv.ParseFloat(params["q"], 64); err != nil && accept != "" || bad == nil && q == 0 {
			continue
		}
		if accept == "" || media == kind || media == "*/*" || media == "application/*" {
			return nil
		}
	}
	return &unread{http.StatusNotAcceptable, fault.New(fault.Invalid, "This address answers with %s, which the header Accept does not take.", kind)}
}

// json writes an answer.
func (v *visit) json(answer any) error { return v.jsonAs(http.StatusOK, answer) }

func (v *visit) jsonAs(code int, answer any) error {
	content, err := encode(answer)
	if err != nil {
		return err
	}
	return v.c.Blob(code, echo.MIMEApplicationJSON, content)
}
