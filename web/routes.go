package web

import (
	"net/http"
	"strings"

	"veribatch/ebr/batch"
	"veribatch/ebr/continuity"
	"veribatch/ebr/export"
	"veribatch/ebr/quality"
	"veribatch/recipes"
	"veribatch/signatures/access"
	"veribatch/signatures/accounts"
	"veribatch/signatures/configuration/versions"
	"veribatch/signatures/identity"
)

// Route is one address of the site. Act is the one word that policy.csv, the trail, the requirements and the acceptance scripts use too.
type Route struct {
	Method, Path, Act string

	handle func(v *visit) error
	anyone bool       // needs no session
	locked bool       // works while the station is locked
	large  bool       // takes a recipe text
	api    *operation // the address is one of the JSON API; nil for a page or a form
}

// routes is the whole site on one page. post adds an act to the screens and to the JSON API at once.
func (s *server) routes() *table {
	r := &table{s: s}

	r.open(http.MethodGet, "/login", "session.open", s.showLogin)
	r.open(http.MethodPost, "/login", "session.open", s.logIn)
	r.open(http.MethodGet, "/first", "person.create", s.showFirst)
	r.open(http.MethodPost, "/first", "person.create", s.createFirst)
	r.session("/session/lock", "session.lock", s.lock)
	r.session("/session/unlock", "session.unlock", s.unlock)
	r.session("/session/close", "session.close", s.logOut)
	r.get("/session/password", "password.change", s.showPassword)
	r.post("/session/password", "password.change", s.changePassword)

	first := r.get("/", "order.read", s.showHome)
	first.handle = s.home(first.handle)
	post[batch.CreateOrder](r, "/orders", "order.create", s.onHome())

	r.get("/batches/:batch", "batch.read", s.showBatch)
	post[batch.Issue](r, "/batches/:batch/issue", "batch.issue", s.onBatch())
	post[batch.Start](r, "/batches/:batch/start", "batch.start", s.onBatch())
	post[batch.Comment](r, "/batches/:batch/comment", "step.comment", s.onBatch())
	post[batch.Hold](r, "/batches/:batch/hold", "batch.hold", s.onBatch())
	post[batch.Abort](r, "/batches/:batch/abort", "batch.abort", s.onBatch())
	post[batch.Complete](r, "/batches/:batch/complete", "batch.complete", s.onBatch())
	r.get("/batches/:batch/report.pdf", "report.read", nil).handle = s.showReport

	s.judgeRoutes(r)

	r.get("/batches/:batch/hold", "batch.read", s.showHold)
	post[batch.AssessHold](r, "/batches/:batch/assess", "hold.assess", s.onHold(true))
	post[batch.Resume](r, "/batches/:batch/resume", "batch.resume", s.onHold(false))

	r.get("/batches/:batch/steps/:step", "batch.read", s.showStep)
	post[batch.Record](r, "/batches/:batch/steps/:step/values/:value/record", "step.record", s.onStep(false))
	post[batch.Correct](r, "/batches/:batch/steps/:step/values/:value/correct", "step.correct", s.onStep(false))
	post[batch.Comment](r, "/batches/:batch/steps/:step/values/:value/comment", "step.comment", s.onStep(false))
	post[batch.Comment](r, "/batches/:batch/steps/:step/comment", "step.comment", s.onStep(false))
	post[batch.Perform](r, "/batches/:batch/steps/:step/perform", "step.perform", s.onStep(true))
	post[batch.Verify](r, "/batches/:batch/steps/:step/verify", "step.verify", s.onStep(true))
	post[batch.Hold](r, "/batches/:batch/steps/:step/hold", "batch.hold", s.onStep(false))

	s.recipeRoutes(r)
	s.trailRoutes(r)
	s.administration(r)
	s.sessionOperations(r)
	s.readOperations(r)
	return r
}

// recipeRoutes are the recipes and their life.
func (s *server) recipeRoutes(r *table) {
	r.get("/recipes", "recipe.read", s.showRecipes)
	r.get("/recipes/import", "recipe.import", s.showImport)
	post[recipes.Import](r, "/recipes", "recipe.import", s.onImport(), fileOrText).large = true
	r.get("/recipes/:version", "recipe.read", s.showRecipe)
	r.get("/recipes/:version/chart", "recipe.read", s.showChart)
	r.get("/recipes/:version/compare", "recipe.read", s.showCompare)
	post[recipes.Submit](r, "/recipes/:version/submit", "recipe.submit", s.onRecipe())
	post[recipes.Approve](r, "/recipes/:version/approve", "recipe.approve", s.onRecipe())
	post[recipes.MakeEffective](r, "/recipes/:version/effective", "recipe.make_effective", s.onRecipe())
	post[recipes.MakeComment](r, "/recipes/:version/comment", "recipe.comment", s.onRecipe())
	post[recipes.ResolveComment](r, "/recipes/:version/comments/:comment/resolve", "recipe.resolve", s.onRecipe())
	post[recipes.SendBack](r, "/recipes/:version/send-back", "recipe.send_back", s.onRecipe())
	post[recipes.Withdraw](r, "/recipes/:version/withdraw", "recipe.withdraw", s.onRecipe())
	r.get("/recipes/:version/text", "recipe.read", nil).handle = s.sendRecipe

	r.get("/master-data", "recipe.read", s.showMasterData)
	r.get("/blocks", "recipe.read", s.showBlocks)
	r.get("/blocks/:block", "recipe.read", s.showBlock)
	r.get("/blocks/:block/effect/:version", "recipe.read", s.showEffect)
	r.get("/blocks/:block/effect/:version/text", "recipe.read", nil).handle = s.sendEffect
}

// trailRoutes are the pages and files of the audit trail. All of them read.
func (s *server) trailRoutes(r *table) {
	r.get("/trail", "trail.read", s.showTrail)
	r.get("/trail/value", "trail.read", s.showTimeline)
	r.get("/trail/sample", "trail.read", s.showSample)
	r.get("/trail/entries.csv", "trail.read", nil).handle = s.download("audit-trail.csv", "text/csv; charset=utf-8; header=present", func() entryFile { return &csvFile{} })
	r.get("/trail/entries.jsonl", "trail.read", nil).handle = s.download("audit-trail.jsonl", "application/jsonl", func() entryFile { return &proofFile{} })
}

// judgeRoutes are the pages on which a batch's trail is reviewed, and what leaves the plant of it.
func (s *server) judgeRoutes(r *table) {
	r.get("/batches/:batch/review", "trail.read", s.showReview)
	post[quality.BeginReview](r, "/batches/:batch/review/begin", "trail.begin_review", s.onReview())
	post[quality.ReadPage](r, "/batches/:batch/reviews/:review/read", "trail.read_page", s.onReview())
	post[quality.SignReview](r, "/batches/:batch/reviews/:review", "trail.review", s.onReview())

	r.get("/batches/:batch/exports", "batch.export", s.showExports)
	post[export.Export](r, "/batches/:batch/exports", "batch.export", s.onExports())
	r.get("/batches/:batch/exports/:export", "batch.export", nil).handle = s.downloadExport
}

// administration are the pages about the plant itself, its people and its machines.
func (s *server) administration(r *table) {
	r.get("/configuration", "configuration.read", s.showConfiguration)
	post[versions.Propose](r, "/configuration", "configuration.propose", s.onConfiguration())
	post[versions.Approve](r, "/configuration/:configuration/approve", "configuration.approve", s.onConfiguration())
	post[versions.Withdraw](r, "/configuration/:configuration/withdraw", "configuration.withdraw", s.onConfiguration())

	r.get("/areas", "area.read", s.showAreas)
	post[access.CreateArea](r, "/areas", "area.create", s.onAreas())
	post[access.RenameArea](r, "/areas/:area/rename", "area.rename", s.onAreas())
	s.accountRoutes(r)

	r.get("/incidents", "incident.read", s.showIncidents)
	r.get("/incidents/:incident", "incident.read", s.showIncident)
	post[quality.AssessIncident](r, "/incidents/:incident/batches/:batch/assess", "incident.assess", s.onIncident("incident.read"))
	post[quality.ReassessIncident](r, "/incidents/:incident/batches/:batch/reassess", "incident.reassess", s.onIncident("incident.read"))
	post[quality.CloseIncident](r, "/incidents/:incident/close", "incident.close", s.onIncident("incident.close"))

	r.get("/tokens", "token.read", s.showTokens)
	post[identity.CreateToken](r, "/tokens", "token.create", s.onTokens(), ticked)
	post[accounts.ApproveToken](r, "/tokens/:account/:token/approve", "token.approve", s.onTokens())
	post[identity.RevokeToken](r, "/tokens/:account/:token/revoke", "token.revoke", s.onTokens())
	post[accounts.HandOver](r, "/tokens/:account/responsible", "machine.hand_over", s.onTokens())
	post[accounts.CloseMachine](r, "/tokens/:account/close", "person.deactivate", s.onTokens())

	r.get("/backups", "backup.read", s.showBackups)
	post[continuity.Ask](r, "/backups/make", "backup.make", s.onBackups())

	r.get("/log", "log.read", s.showLog)
	post[continuity.ContinueLog](r, "/log/continue", "log.continue", s.onLog())
}

// accountRoutes are the pages about people and their rights.
func (s *server) accountRoutes(r *table) {
	r.open(http.MethodGet, "/enrol", "password.change", s.showEnrol)
	r.open(http.MethodPost, "/enrol", "password.change", s.enrol)
	r.get("/people", "person.read", s.showPeople)
	post[accounts.Create](r, "/people", "person.create", s.onPeople())
	r.get("/people/:person", "person.read", s.showPerson)
	post[accounts.ConfirmIdentity](r, "/people/:person/confirm", "person.confirm_identity", s.onPerson())
	post[accounts.Grant](r, "/people/:person/grant", "person.roles", s.onPerson())
	post[accounts.Revoke](r, "/people/:person/revoke", "person.roles", s.onPerson())
	post[accounts.Reset](r, "/people/:person/reset", "person.reset", s.onPerson())
	post[accounts.Unlock](r, "/people/:person/unlock", "person.unlock", s.onPerson())
	post[accounts.Deactivate](r, "/people/:person/deactivate", "person.deactivate", s.onPerson())
	r.get("/rights", "person.read", s.showRights)
	r.get("/reviews", "person.read", s.showReviews)
	post[accounts.Review](r, "/reviews", "access.review", s.onReviews(), chosen)
	r.get("/accountability", "accountability.sign", s.showAccountability)
	post[accounts.Sign](r, "/accountability/sign", "accountability.sign", s.onAccountability())
	post[accounts.Publish](r, "/accountability", "accountability.publish", s.onAccountability())
}

// table collects the routes.
type table struct {
	s          *server
	lines      []*Route
	operations []*Route // of the JSON API
}

func (t *table) add(r Route) *Route {
	t.lines = append(t.lines, &r)
	return &r
}

// open adds a route that needs no session.
func (t *table) open(method, path, act string, h func(*visit) error) {
	t.add(Route{Method: method, Path: path, Act: act, handle: h, anyone: true})
}

// session adds an act on the session itself, which works while the station is locked.
func (t *table) session(path, act string, h func(*visit) error) {
	t.add(Route{Method: http.MethodPost, Path: path, Act: act, handle: h, locked: true})
}

// get adds a page: the right to its act is asked in the snapshot in which the page is read.
func (t *table) get(path, act string, p page) *Route {
	return t.add(Route{Method: http.MethodGet, Path: path, Act: act, handle: func(v *visit) error {
		view, err := v.read(act, p)
		if err != nil {
			return err
		}
		return v.show(http.StatusOK, view)
	}})
}

// post adds an act. Its right is asked by audit.Trail.Check inside the transaction, for the session's person or for the signer.
func (t *table) post(path, act string, h func(*visit) error) *Route {
	return t.add(Route{Method: http.MethodPost, Path: path, Act: act, handle: h})
}

// post adds the act of a command: one line is its form, its operation in the API, its right and its words in the trail.
func post[C Command](t *table, path, word string, at place, prepare ...func(*visit) error) *Route {
	form := t.post(path, word, command[C](t.s, at, prepare...))
	act[C](t, path, word, at, form)
	return form
}

func list(lines []*Route) []Route {
	routes := make([]Route, len(lines))
	for i, r := range lines {
		routes[i] = *r
	}
	return routes
}

// limit gives the most bytes that the route takes.
func (r Route) limit() int64 {
	if r.large || r.api != nil && r.api.twin != nil && r.api.twin.large {
		return maxRecipe
	}
	return maxForm
}

// own tells whether the route is about the session itself; it then works before a due change of password.
func (r Route) own() bool {
	return r.anyone || strings.HasPrefix(strings.TrimPrefix(r.Path, apiRoot), "/session/")
}

// Routes lists the pages and forms of the site for the rules of the house: every address with its act.
func Routes() []Route { return list((&server{}).routes().lines) }

// Operations lists the addresses of the JSON API, each with its act.
func Operations() []Route { return list((&server{}).routes().operations) }
