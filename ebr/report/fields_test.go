package report

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
)

// exempt are the fields of a Record that are not printed, each with the reason.
var exempt = map[string]string{
	"Trail.Body": "the exact bytes of an entry; every member of them is printed, and so is the hash over them",
}

// onCover are the fields that stand on the first page alone; all others are asked for in the chapters, so that a field which the points of
// attention or the contents repeat cannot be dropped from its own place.
var onCover = []string{"Program #", "GeneratedBy.", "Batch.OrderNumber #", "Batch.Area #", "Batch.Form #", "Batch.Size #"}

// chapters gives the text from the first chapter on.
func chapters(t *testing.T, path string) string {
	t.Helper()
	whole := layout(t, path)
	first := regexp.MustCompile(`(?m)^ *1 +Recipe +(\d+)$`).FindStringSubmatch(whole)
	require.NotNil(t, first, "the contents name the page of chapter 1")
	return run(t, "pdftotext", "-layout", "-f", first[1], path, "-")
}

// filler sets every field of a Record to a value of its own and keeps what has to stand in the PDF for it. It knows the types alone: a field
// added to the Record tomorrow is asked for tomorrow.
type filler struct {
	n     int
	many  int               // elements of every list
	want  map[string]string // what has to be readable, by field
	bools []reflect.Value
	paths []string // of bools
}

func fill(many int) (Record, *filler) {
	var r Record
	f := &filler{many: many, want: map[string]string{}}
	f.set(reflect.ValueOf(&r).Elem(), "")
	return r, f
}

func (f *filler) next() int { f.n++; return f.n }

func (f *filler) word() string { return fmt.Sprintf("ZQ%04dx", f.next()) }

func (f *filler) set(v reflect.Value, path string) {
	if exempt[path] != "" {
		return
	}
	switch special := v.Addr().Interface().(type) {
	case *time.Time:
		*special = time.Date(2031, 3, 4, 5, 6, 7, 123456000, time.FixedZone("", 20700)).Add(time.Duration(f.next()) * 61 * time.Second)
		f.want[f.place(path)] = special.Format("2006-01-02 15:04:05 -07:00")
		if strings.HasPrefix(path, "Trail.") {
			f.want[f.place(path)] = special.UTC().Format("2006-01-02 15:04:05.000000Z")
		}
		return
	case *[]byte:
		*special = []byte(f.word())
		f.want[f.place(path)] = hex.EncodeToString(*special)
		return
	case *audit.Change:
		f.setChange(special, path)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			f.set(v.Field(i), strings.TrimPrefix(strings.TrimSuffix(path, ".Entry")+"."+v.Type().Field(i).Name, "."))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), f.many, f.many))
		for i := range f.many {
			f.set(v.Index(i), path)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.set(v.Elem(), path)
	case reflect.String:
		f.keep(v, path, f.word())
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(70000 + f.next()))
		f.want[f.place(path)] = fmt.Sprint(v.Int())
	case reflect.Bool:
		f.bools, f.paths = append(f.bools, v), append(f.paths, path)
	case reflect.Map:
		key, value := f.word(), f.word()
		v.Set(reflect.ValueOf(map[string]string{key: value}))
		f.want[f.place(path+" key")], f.want[f.place(path+" value")] = key, value
	default:
		panic("the filler does not know " + v.Type().String() + " at " + path)
	}
}

// place names every occurrence of a field, since lists have several elements.
func (f *filler) place(path string) string { return fmt.Sprintf("%s #%d", path, f.n) }

func (f *filler) keep(v reflect.Value, path, word string) {
	v.SetString(word)
	f.want[f.place(path)] = word
}

// setChange makes one change that updates a row; every second one inserts a row.
func (f *filler) setChange(c *audit.Change, path string) {
	c.Table, c.ID, c.Version, c.Op = f.word(), f.word(), int64(70000+f.next()), f.word()
	column, before, after := f.word(), f.word(), f.word()
	c.After = json.RawMessage(fmt.Sprintf(`{%q:%q}`, column, after))
	for i, w := range []string{c.Table, c.ID, fmt.Sprint(c.Version), c.Op, column, after} {
		f.want[f.place(fmt.Sprintf("%s part %d", path, i))] = w
	}
	if f.n%2 == 0 {
		c.Before = json.RawMessage(fmt.Sprintf(`{%q:%q}`, column, before))
		f.want[f.place(path+" before")] = before
	}
}

// TestEveryFieldIsPrinted: the list of what must be readable comes from the Record's type, so a field dropped from the report fails here.
func TestEveryFieldIsPrinted(t *testing.T) {
	t.Parallel()
	r, f := fill(2)
	pdf := file(t, r)
	whole, body := layout(t, pdf), chapters(t, pdf)
	require.Greater(t, len(f.want), 300)
	for path, want := range f.want {
		text, where := body, "chapters"
		if slices.ContainsFunc(onCover, func(field string) bool { return strings.HasPrefix(path, field) }) {
			text, where = whole, "PDF"
		}
		if !strings.Contains(text, want) {
			t.Errorf("%s: %q is not in the %s", path, want, where)
		}
	}
}

// TestEveryYesOrNoIsPrinted: turning round any one truth changes the words of the report, not only its looks.
func TestEveryYesOrNoIsPrinted(t *testing.T) {
	t.Parallel()
	_, f := fill(1)
	require.Greater(t, len(f.bools), 12)
	plain, _ := fill(1)
	before := chapters(t, file(t, plain))
	for i, path := range f.paths {
		r, f := fill(1)
		f.bools[i].SetBool(true)
		// r is a copy that shares lists but not its own fields with what the filler filled.
		if path == "Demo" {
			r.Demo = true
		}
		if chapters(t, file(t, r)) == before {
			t.Errorf("%s: the report reads the same whether it is true or not", path)
		}
	}
}

// TestEveryMarkStandsAtItsPlace: what is not normal carries its sign and word in the chapters, not in the list of points alone.
func TestEveryMarkStandsAtItsPlace(t *testing.T) {
	t.Parallel()
	r := sample(8)
	r.Units[0].Operations[0].Steps[0].Acts[0].Late = true
	r.Units[0].Operations[0].Steps[1].Values[0].Readings[1].How = howRepeated
	body := oneLine(chapters(t, file(t, r)))
	for _, want := range []string{"■ action limit", "▲ alert limit", "► corrected", "○ repeated", "◊ late entry", "□ void", "▼ refused", "critical: verified by a second person"} {
		require.Contains(t, body, want)
	}
	for _, late := range []func(*Step){
		func(st *Step) { st.Values[0].Readings[0].Late = true }, func(st *Step) { st.Acts[0].Late = true },
	} {
		plain := sample(3)
		st := &plain.Units[0].Operations[0].Steps[1]
		plain.Units[0].Operations[0].Steps[2].Values[0].Readings[0].Late = false
		require.NotContains(t, chapters(t, file(t, plain)), "◊ late entry")
		late(st)
		require.Contains(t, chapters(t, file(t, plain)), "◊ late entry")
	}
}
