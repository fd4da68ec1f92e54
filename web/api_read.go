package web

import (
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"veribatch/audit"
	"veribatch/ebr/batch"
	"veribatch/ebr/report"
	"veribatch/internal/fault"
	"veribatch/recipes/procedure"
	"veribatch/signatures/identity"
)

// gives adds an operation that reads: Q holds what stands in the address (tag path) and behind it (tag query), A is the answer. The right to its
// act is asked in the snapshot in which it is read, as for a page.
func gives[Q, A any](t *table, path, word string, read func(v *visit, q Q) (A, error)) {
	t.operations = append(t.operations, &Route{
		Method: http.MethodGet, Path: apiRoot + path, Act: word, api: &operation{query: reflect.TypeFor[Q](), answer: reflect.TypeFor[A]()},
		handle: func(v *visit) error {
			var q Q
			if err := v.readQuery(&q); err != nil {
				return err
			}
			var answer A
			_, err := v.read(word, func(v *visit) (_ View, err error) {
				answer, err = read(v, q)
				return nil, err
			})
			if err != nil {
				return err
			}
			return v.json(answer)
		},
	})
}

// readQuery fills the parameters of a read; one that nobody knows, or that stands twice, is refused.
func (v *visit) readQuery(into any) error {
	given, err := url.ParseQuery(v.c.Request().URL.RawQuery)
	if err != nil {
		return &unread{http.StatusBadRequest, fault.New(fault.Invalid, "What stands behind the ? cannot be read.")}
	}
	target := reflect.ValueOf(into).Elem()
	for _, f := range reflect.VisibleFields(target.Type()) {
		if f.Anonymous {
			continue
		}
		if name := f.Tag.Get("path"); name != "" {
			target.FieldByIndex(f.Index).SetString(v.c.Param(name))
			continue
		}
		name := f.Tag.Get("query")
		if len(given[name]) > 1 {
			return fault.At(name, "This stands twice.")
		}
		target.FieldByIndex(f.Index).SetString(given.Get(name))
		delete(given, name)
	}
	for name := range given {
		return fault.At(name, "There is no such parameter here.")
	}
	return nil
}

// readOperations are the reads of the API.
func (s *server) readOperations(t *table) {
	gives(t, "/batches", "order.read", apiBatches)
	gives(t, "/batches/:batch", "batch.read", s.apiBatch)
	gives(t, "/batches/:batch/hold", "batch.read", apiHolds)
	gives(t, "/batches/:batch/review", "trail.read", apiTrailReviews)
	gives(t, "/batches/:batch/reviews/:review", "trail.read", apiTrailReview)
	gives(t, "/batches/:batch/steps", "batch.read", apiSteps)
	gives(t, "/batches/:batch/steps/:step", "batch.read", apiStep)
	t.operations = append(t.operations, &Route{
		Method: http.MethodGet, Path: apiRoot + "/batches/:batch/report.pdf", Act: "report.read", handle: s.showReport, api: &operation{query: reflect.TypeFor[ofBatch](), file: "application/pdf"},
	})
	gives(t, "/batches/:batch/exports", "batch.export", apiExports)
	t.operations = append(t.operations, &Route{
		Method: http.MethodGet, Path: apiRoot + "/batches/:batch/exports/:export", Act: "batch.export", handle: s.downloadExport,
		api: &operation{query: reflect.TypeFor[ofExport](), file: "application/zip"},
	})
	gives(t, "/recipes", "recipe.read", apiRecipes)
	gives(t, "/recipes/:version", "recipe.read", apiRecipe)
	gives(t, "/recipes/:version/compare", "recipe.read", apiCompare)
	gives(t, "/master-data", "recipe.read", apiMasterData)
	gives(t, "/blocks", "recipe.read", apiBlocks)
	gives(t, "/blocks/:block", "recipe.read", apiBlock)
	gives(t, "/blocks/:block/effect/:version", "recipe.read", apiEffect)
	gives(t, "/trail", "trail.read", apiTrail)
	gives(t, "/trail/value", "trail.read", apiTimeline)
	gives(t, "/log", "log.read", apiLog)
	gives(t, "/log/inclusion", "trail.read", apiInclusion)
	gives(t, "/log/consistency", "trail.read", apiConsistency)
	gives(t, "/log/newest", "trail.read", apiNewest)
	gives(t, "/configuration", "configuration.read", apiConfiguration)
	gives(t, "/people", "person.read", apiPeople)
	gives(t, "/people/:person", "person.read", apiPerson)
	gives(t, "/rights", "person.read", apiRights)
	gives(t, "/reviews", "person.read", apiAccessReviews)
	gives(t, "/accountability", "accountability.sign", apiAccountability)
	gives(t, "/areas", "area.read", apiAreas)
	gives(t, "/incidents", "incident.read", apiIncidents)
	gives(t, "/incidents/:incident", "incident.read", apiIncident)
	gives(t, "/backups", "backup.read", apiBackups)
	gives(t, "/machines", "token.read", apiMachines)
	gives(t, "/tokens", "token.read", func(v *visit, q pageOf) (answer tokens, err error) {
		list, err := identity.Tokens(v.ctx, v)
		if err != nil {
			return answer, err
		}
		answer.Tokens, answer.Next, err = paged(v, q, list, func(t identity.Token) string { return t.ID })
		return answer, err
	})
}

type tokens struct {
	Tokens []identity.Token `json:"tokens" doc:"the youngest first"`
	Next   string           `json:"next,omitempty" doc:"address of the next page; absent on the last one"`
}

// pageOf asks for one page of a list.
type pageOf struct {
	After string `query:"after" doc:"continue behind this place: it stands in next of the page before"`
	Limit string `query:"limit" doc:"lines of a page, 1 to 500; 100 when left out" example:"100"`
}

// paged gives one page of a list that is short enough to be read whole. A place is the key of the last line of the page before.
func paged[T any](v *visit, q pageOf, list []T, key func(T) string) (page []T, next string, err error) {
	limit, err := pageSize(q.Limit)
	if err != nil {
		return nil, "", err
	}
	if q.After != "" {
		at := slices.IndexFunc(list, func(one T) bool { return key(one) == q.After })
		if at < 0 {
			return nil, "", fault.At("after", "This is no place in the list. Take next of the page before.")
		}
		list = list[at+1:]
	}
	if len(list) > limit {
		list = list[:limit]
		next = v.next(key(list[limit-1]))
	}
	return list, next, nil
}

type ofBatch struct {
	Batch string `path:"batch" doc:"id of the batch"`
}

// page is the number of lines that an answer holds at most.
func pageSize(text string) (int, error) {
	if text == "" {
		return 100, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 500 {
		return 0, fault.At("limit", "A page has 1 to 500 lines.")
	}
	return n, nil
}

type askBatches struct {
	State string `query:"state" doc:"work (the default): ordered, issued, running and held, the newest order first; ended: complete and aborted, the last ended first"`
	pageOf
}

type batches struct {
	Batches []batchLine `json:"batches"`
	Next    string      `json:"next,omitempty" doc:"address of the next page; absent on the last one"`
}

// batchLine is one order or batch.
type batchLine struct {
	Batch         string               `json:"batch" doc:"id"`
	Number        string               `json:"number"`
	Order         string               `json:"order_number"`
	RecipeVersion string               `json:"recipe_version" doc:"id"`
	RecipeCode    string               `json:"recipe_code"`
	RecipeNumber  string               `json:"recipe_number" doc:"number of the version"`
	Title         string               `json:"title"`
	Product       string               `json:"product"`
	Area          string               `json:"area" doc:"code"`
	State         procedure.BatchState `json:"state" doc:"ordered, idle (issued, not begun), running, held, complete or aborted"`
	Steps         int                  `json:"steps"`
	Done          int                  `json:"steps_complete"`
	OpenStep      string               `json:"open_step" doc:"id of the step that comes now; empty when none is open"`
	WaitsFor      string               `json:"waits_for" doc:"for what or whom it waits; empty when for the operator at the open step"`
	OrderedAt     time.Time            `json:"ordered_at,omitzero"`
	IssuedAt      time.Time            `json:"issued_at,omitzero"`
	StartedAt     time.Time            `json:"started_at,omitzero"`
	EndedAt       time.Time            `json:"ended_at,omitzero"`
	ChangedAt     time.Time            `json:"changed_at,omitzero"`
	ChangedBy     string               `json:"changed_by" doc:"printed name"`
}

func lineOf(b batch.Summary) batchLine {
	return batchLine{
		b.ID, b.Number, b.OrderNumber, b.RecipeVersion, b.RecipeCode, strconv.Itoa(b.RecipeNumber), b.Title, b.Product, b.Area, b.State, b.Steps, b.Done, b.OpenStep,
		b.WaitsFor, b.OrderedAt, b.IssuedAt, b.StartedAt, b.EndedAt, b.ChangedAt, b.ChangedBy,
	}
}

func apiBatches(v *visit, q askBatches) (answer batches, err error) {
	limit, err := pageSize(q.Limit)
	if err != nil {
		return answer, err
	}
	f := batch.Filter{Ended: q.State == "ended", Limit: min(limit+1, 500), Areas: v.grants.Areas("order.read")}
	if q.State != "" && q.State != "work" && q.State != "ended" {
		return answer, fault.At("state", "Ask for work or for ended.")
	}
	if q.After != "" {
		at, id, ok := cutLast(q.After)
		when, err := time.Parse(time.RFC3339Nano, at)
		if !ok || err != nil || uuid.Validate(id) != nil {
			return answer, fault.At("after", "This is no place in the list. Take next of the page before.")
		}
		f.After = &batch.Summary{ID: id, EndedAt: when, OrderedAt: when}
	}
	list, err := batch.List(v.ctx, v, f)
	if len(list) >= f.Limit && len(list) > 1 {
		list = list[:f.Limit-1]
		last := list[len(list)-1]
		at := last.OrderedAt
		if f.Ended {
			at = last.EndedAt
		}
		answer.Next = v.next(at.UTC().Format(time.RFC3339Nano) + "~" + last.ID)
	}
	for _, b := range list {
		answer.Batches = append(answer.Batches, lineOf(b))
	}
	return answer, err
}

// cutLast splits a place in a list.
func cutLast(place string) (at, id string, ok bool) {
	if len(place) < 38 || place[len(place)-37] != '~' {
		return "", "", false
	}
	return place[:len(place)-37], place[len(place)-36:], true
}

// next gives the address of the page behind a place.
func (v *visit) next(after string) string { return v.page("after", after) }

func (v *visit) page(direction, place string) string {
	q := v.c.Request().URL.Query()
	q.Del("after")
	q.Del("before")
	q.Set(direction, place)
	return v.c.Request().URL.Path + "?" + q.Encode()
}

// apiBatch gives the record of a batch, as its PDF prints it; the entries of its audit trail have an address of their own.
func (s *server) apiBatch(v *visit, q ofBatch) (report.Record, error) {
	r, err := report.Load(v.ctx, v, q.Batch)
	if err != nil {
		return r, err
	}
	r.GeneratedBy, err = report.Reader(v.ctx, v, v.who.Person)
	r.Site, r.Program, r.Demo, r.GeneratedAt = s.Site, "Veribatch "+s.Version, len(s.Demo) > 0, s.Trail.Now()
	return r, err
}

type askTrail struct {
	Batch   string `query:"batch" doc:"number of a batch, or the stream of any record, such as person/…"`
	Person  string `query:"person" doc:"user name of who acted"`
	Act     string `query:"act" doc:"word of an act" example:"step.record"`
	Station string `query:"station" doc:"name of the station" example:"Weighing 1"`
	By      string `query:"by" doc:"people, or machines (the server, migrations, accounts with a token)" example:"people"`
	Signed  string `query:"signed" doc:"yes: acts that carry a signature" example:"yes"`
	Changed string `query:"changed" doc:"yes: what was changed after it was first entered" example:"yes"`
	Refused string `query:"refused" doc:"yes: refused acts" example:"yes"`
	From    string `query:"from" doc:"first day, in the zone of the plant" example:"2026-11-20"`
	To      string `query:"to" doc:"last day, in the zone of the plant" example:"2026-11-20"`
	Before  string `query:"before" doc:"the page that ends before this place, instead of after: it stands in previous of another page"`
	pageOf
}

type trailAnswer struct {
	Entries  []trailLine `json:"entries" doc:"the newest first"`
	Next     string      `json:"next,omitempty" doc:"address of the next page, with older entries; absent on the last one. A page may hold fewer entries than asked for, or none, when few of many match"`
	Previous string      `json:"previous,omitempty" doc:"address of the page before, with newer entries; absent on the first one"`
}

// trailLine is one entry. Body is the text whose SHA-256 is Hash: verify it as it stands.
type trailLine struct {
	Stream audit.Stream `json:"stream" doc:"record to which the entry belongs, such as batch/… or person/…"`
	Seq    int64        `json:"seq" doc:"number in its stream, without gaps from 1"`
	Time   time.Time    `json:"time"`
	Person string       `json:"person" doc:"printed name"`
	Act    string       `json:"act"`
	Hash   string       `json:"hash" doc:"SHA-256 of body, hex"`
	Body   string       `json:"body" doc:"the entry, as the exact text that was hashed: JSON with changes before and after"`
}

func apiTrail(v *visit, q askTrail) (answer trailAnswer, err error) {
	search, err := v.searchAsked()
	if err != nil {
		return answer, err
	}
	if search.Limit, err = pageSize(q.Limit); err != nil {
		return answer, err
	}
	found, err := audit.Explore(v.ctx, v, search)
	if err != nil {
		return answer, err
	}
	older, newer := turns(search, &found)
	if older != "" {
		answer.Next = v.page("after", older)
	}
	if newer != "" {
		answer.Previous = v.page("before", newer)
	}
	for _, r := range found.Rows {
		answer.Entries = append(answer.Entries, trailLineOf(r))
	}
	return answer, err
}

// words of acts, by the kind of event that the interpreter allows.
var actsOf = map[procedure.EventKind]string{
	procedure.EventIssued: "batch.issue", procedure.EventStarted: "batch.start", procedure.EventRecorded: "step.record", procedure.EventCorrected: "step.correct",
	procedure.EventCommented: "step.comment", procedure.EventPerformed: "step.perform", procedure.EventVerified: "step.verify", procedure.EventHeld: "batch.hold",
	procedure.EventHoldAssessed: "hold.assess", procedure.EventResumed: "batch.resume", procedure.EventAborted: "batch.abort", procedure.EventCompleted: "batch.complete",
}

// acts lists what the person may do now, at a step or to the batch as a whole.
func (d *dossier) acts(step string) []string {
	list := []string{}
	for _, kind := range d.State.Acts(step, d.v.who.Person) {
		if word := actsOf[kind]; word != "" && d.v.may(word) && !slices.Contains(list, word) {
			list = append(list, word)
		}
	}
	return list
}
