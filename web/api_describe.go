package web

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"

	"veribatch/signatures/access"
)

// description is the API as OpenAPI 3.1, made from the routes and the command structs, so that it cannot say anything else than the program does.
type description struct{ json, yaml []byte }

// bearer names the security scheme.
const bearer = "bearer"

// describe writes the description of the operations.
func describe(operations []Route, version string) (d description, err error) {
	huma.DefaultArrayNullable = false
	registry := huma.NewMapRegistry("#/components/schemas/", schemaName)
	api := &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{
			Title: "Veribatch", Version: version,
			Description: "Every act of the screens, with the same right, the same entry in the audit trail and the same signature. Decimals and everything that is a value of the record travel as text.",
		},
		Components: &huma.Components{
			Schemas:         registry,
			SecuritySchemes: map[string]*huma.SecurityScheme{bearer: {Type: "http", Scheme: "bearer", Description: "token of a session, or of a machine"}},
		},
	}
	problem := &huma.MediaType{Schema: registry.Schema(reflect.TypeFor[problem](), true, "Problem")}
	for _, r := range operations {
		api.AddOperation(operationOf(registry, r, problem))
	}
	if d.json, err = api.MarshalJSON(); err != nil {
		return d, fmt.Errorf("description of the API: %w", err)
	}
	d.yaml, err = api.YAML()
	return d, err
}

// schemaName names the schema of a type by its package and name; the result of two acts may well be of one name.
func schemaName(t reflect.Type, hint string) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Name() == "" || t.Kind() != reflect.Struct {
		return huma.DefaultSchemaNamer(t, hint)
	}
	room := t.PkgPath()[strings.LastIndex(t.PkgPath(), "/")+1:]
	if room == "web" {
		room = ""
	}
	return title(room) + title(t.Name())
}

func title(word string) string {
	if word == "" {
		return ""
	}
	return strings.ToUpper(word[:1]) + word[1:]
}

func operationOf(registry huma.Registry, r Route, problem *huma.MediaType) *huma.Operation {
	path := braced(r.Path)
	op := &huma.Operation{
		OperationID: operationID(r.Method, path), Method: r.Method, Path: path, Summary: r.Act, Tags: []string{strings.SplitN(r.Act, ".", 2)[0]},
		Description: allowed(r), Responses: map[string]*huma.Response{}, Parameters: parametersOf(r),
		Security: []map[string][]string{{bearer: {}}},
	}
	if r.anyone {
		op.Security = []map[string][]string{}
	}
	if r.Method == http.MethodPost {
		body := huma.SchemaFromType(registry, r.api.body)
		body.Required = nil // a field that is left out is empty
		op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{echo.MIMEApplicationJSON: {Schema: body}}}
	}
	ok := &huma.Response{Description: "done"}
	if r.api.answer == nil {
		ok.Content = map[string]*huma.MediaType{r.api.file: {}}
	} else {
		ok.Content = map[string]*huma.MediaType{echo.MIMEApplicationJSON: {Schema: registry.Schema(r.api.answer, true, op.OperationID+"Answer")}}
	}
	if place := made[r.Act]; place != "" && r.Method == http.MethodPost {
		ok.Description = "made; Location is its address"
		ok.Headers = map[string]*huma.Param{echo.HeaderLocation: {Description: apiRoot + place, Schema: &huma.Schema{Type: huma.TypeString}}}
		op.Responses["201"] = ok
	} else {
		op.Responses["200"] = ok
	}
	for _, code := range statusesOf(r) {
		op.Responses[strconv.Itoa(code)] = &huma.Response{Description: reasons[code], Content: map[string]*huma.MediaType{"application/problem+json": problem}}
	}
	return op
}

// reasons say what each status means in this API.
var reasons = map[int]string{
	400: "the request cannot be read", 401: "no token, or one that is not good", 403: "no right to this act, or the signature was refused", 404: "not there",
	406: "the answer is of a kind that the header Accept does not take",
	409: "not possible now, or changed in the meantime; of a signed act with the new statement", 413: "too large", 415: "not JSON, or compressed",
	422: "a field is wrong", 423: "the session is locked", 428: "the statement to be signed: send the request again with the signature", 429: "too many tries",
	500: "a failure inside the system, with its reference number", 503: "busy: try again with the same request key",
}

func statusesOf(r Route) []int {
	codes := []int{400, 401, 403, 404, 406, 409, 413, 415, 422, 423, 429, 500, 503}
	if r.Method == http.MethodGet {
		codes = []int{400, 401, 403, 404, 406, 422, 423, 500, 503}
	}
	if r.api.signed {
		codes = append(codes, http.StatusPreconditionRequired)
	}
	return codes
}

// allowed says who may do the act.
func allowed(r Route) string {
	if r.anyone {
		return "Needs no session."
	}
	var who []string
	for _, role := range append(access.Roles(), access.Machine) {
		if slices.Contains(access.ActsOf(role), r.Act) {
			who = append(who, role.Title())
		}
	}
	text := "Allowed: " + strings.Join(who, ", ") + "."
	if r.api.signed {
		text += " Signed: without a signature the answer is 428 with the statement (some acts are signed only when the recipe says so)."
	}
	return text
}

// braced writes the parameters of an address as OpenAPI does.
func braced(path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if name, ok := strings.CutPrefix(part, ":"); ok {
			parts[i] = "{" + name + "}"
		}
	}
	return strings.Join(parts, "/")
}

// operationID names an operation for generated clients: post-batches-batch-issue.
func operationID(method, path string) string {
	return strings.ToLower(method) + strings.NewReplacer("/", "-", "{", "", "}", "", ".", "-").Replace(strings.TrimPrefix(path, apiRoot))
}

// parametersOf lists what stands in the address, behind it and in the headers.
func parametersOf(r Route) (list []*huma.Param) {
	text := &huma.Schema{Type: huma.TypeString}
	for _, name := range paramsOf(r.Path) {
		list = append(list, &huma.Param{Name: name, In: "path", Required: true, Schema: text, Description: fieldWords[name].doc, Example: fieldWords[name].example})
	}
	if r.api.query != nil {
		for _, f := range reflect.VisibleFields(r.api.query) {
			if name := f.Tag.Get("query"); name != "" {
				list = append(list, &huma.Param{Name: name, In: "query", Description: docOf("", f).doc, Schema: text, Example: exampleOf(f)})
			}
		}
	}
	if r.api.twin != nil {
		list = append(list, &huma.Param{
			Name: keyHeader, In: "header", Required: true, Schema: &huma.Schema{Type: huma.TypeString, Format: "uuid"},
			Description: "a UUID of version 7, new for each act and the same for each repeat of it",
		})
	}
	return list
}

func exampleOf(f reflect.StructField) any {
	if example := docOf("", f).example; example != "" {
		return example
	}
	return nil
}

// describer makes the description once, at the first question.
func (s *server) describer(operations []Route) func() (description, error) {
	return sync.OnceValues(func() (description, error) { return describe(operations, s.Version) })
}

// reads are the methods of an address that reads.
var reads = []string{http.MethodGet, http.MethodHead}

// descriptionRoutes serve the description to everybody: it holds no values, and whoever integrates reads it before there is an account.
func (s *server) descriptionRoutes(e *echo.Echo, operations []Route) {
	described := s.describer(operations)
	serve := func(kind string, part func(description) []byte) echo.HandlerFunc {
		return func(c echo.Context) error {
			d, err := described()
			if err != nil {
				return err
			}
			return c.Blob(http.StatusOK, kind, part(d))
		}
	}
	e.Match(reads, apiRoot+"/openapi.json", serve("application/openapi+json", func(d description) []byte { return d.json }))
	e.Match(reads, apiRoot+"/openapi.yaml", serve("application/openapi+yaml", func(d description) []byte { return d.yaml }))
	reference := func(c echo.Context) error {
		v := s.visit(c)
		return v.show(http.StatusOK, referenceOf(v.frame(v.words("API of Veribatch")), operations))
	}
	e.GET(apiRoot+"/reference", reference)
	e.GET(apiRoot+"/", reference)
	e.GET(apiRoot, reference)
}
