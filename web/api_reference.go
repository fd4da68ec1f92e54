package web

import (
	"reflect"
	"slices"
	"strings"
)

// ReferenceView is the readable description of the API.
type ReferenceView struct {
	Page
	Groups   []ReferenceGroup
	Problems []Line // kind and meaning
}

// ReferenceGroup holds the operations on one kind of subject.
type ReferenceGroup struct {
	Name       string
	Operations []ReferenceOperation
}

// ReferenceOperation is one operation as printed.
type ReferenceOperation struct {
	ID, Method, Path, Act, Words, Curl string
	Query, Fields, Answer              []Line
}

func (*ReferenceView) template() string { return "api/reference" }

// referenceOf writes the description for people.
func referenceOf(p Page, operations []Route) *ReferenceView {
	view := &ReferenceView{Page: p}
	groups := map[string]int{}
	for _, r := range operations {
		name := strings.SplitN(r.Act, ".", 2)[0]
		if _, ok := groups[name]; !ok {
			groups[name] = len(view.Groups)
			view.Groups = append(view.Groups, ReferenceGroup{Name: name})
		}
		path := braced(r.Path)
		one := ReferenceOperation{ID: operationID(r.Method, path), Method: r.Method, Path: path, Act: r.Act, Words: allowed(r), Curl: curlOf(r)}
		for _, p := range parametersOf(r) {
			if p.In != "header" { // the page says once what each act takes
				one.Query = append(one.Query, Line{p.Name, p.Description})
			}
		}
		if r.api.body != nil {
			one.Fields = fieldLines(r.api.body)
		}
		if r.api.answer != nil {
			one.Answer = fieldLines(r.api.answer)
		}
		at := &view.Groups[groups[name]]
		at.Operations = append(at.Operations, one)
	}
	slices.SortFunc(view.Groups, func(a, b ReferenceGroup) int { return strings.Compare(a.Name, b.Name) })
	for _, kind := range problemKinds {
		view.Problems = append(view.Problems, Line{kind.name, kind.words})
	}
	return view
}

// fieldLines lists the fields of a body or an answer with their meaning, and below a list or an object its own.
func fieldLines(t reflect.Type) []Line { return linesBelow("", t) }

func linesBelow(above string, t reflect.Type) (lines []Line) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	for _, f := range reflect.VisibleFields(t) {
		name := nameOf(f)
		if name == "" || f.Anonymous {
			continue
		}
		lines = append(lines, Line{above + name, strings.TrimPrefix(f.Tag.Get("doc")+" ("+kindOf(f.Type)+")", " ")})
		inner, place := f.Type, above+name+"."
		for inner.Kind() == reflect.Pointer || inner.Kind() == reflect.Slice {
			if inner.Kind() == reflect.Slice {
				place = above + name + "[]."
			}
			inner = inner.Elem()
		}
		if inner.Kind() == reflect.Struct && kindOf(inner) == "object" && inner != t {
			lines = append(lines, linesBelow(place, inner)...)
		}
	}
	return lines
}

// kindOf names the type of a field in plain words.
func kindOf(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return kindOf(t.Elem())
	case reflect.String:
		return "text"
	case reflect.Int, reflect.Int64:
		return "whole number"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "list of " + kindOf(t.Elem())
	case reflect.Struct:
		if t.String() == "time.Time" {
			return "time, RFC 3339"
		}
		return "object"
	}
	return "any"
}
