# Veribatch. `make run` and `make test` are all that a fresh machine needs (Debian 12 with Go, Node and git): they install what is missing.

SHELL := /bin/sh
# The program as a whole, its site and its screens: minutes longer with the race detector, which make evidence adds to the first two.
WHOLE = ./cmd/ebr ./web
RACE_PACKAGES = $$(go list ./... | grep -v -e '/cmd/ebr$$' -e '/web$$' -e '/web/browser$$')
LONG_PACKAGES = ./audit ./ebr/batch ./internal/backup ./signatures ./signatures/keyring
LONG_WEB = TestOtherAreasAnswerLikeNothing|TestTextsAreNoSQL|TestTimesDoNotTellNamesApart|TestTextsStayTexts|TestThousandsOfSessions|TestPermissionMatrix|TestHostileBodies|TestTruncatedBodies|TestHostileAddresses|TestBodiesOfAPI|TestTokensThatOpenNothing
LONG_PROGRAM = TestFoldersOfAnyName|TestBackupAsOrdinaryUser|TestRestoreToRandomMoments|TestSecondPlace|TestDrill|TestRestoreThatIsInterrupted|TestRunbook|TestSlowClientsAreCutOff|TestLimitsOfTheServerAreKept|TestSignerInAProcessOfItsOwn|TestWitnessInAProcessOfItsOwn|TestPlantUnderWitnesses|TestVaultSealedWhilePeopleWork|TestVaultSealedInMidBatch|TestDatabasePasswordInVault
LONG_BROWSER = TestWholeBatch|TestEveryPage|TestGallery
ONE_DATABASE = go run ./internal/pgtest/cluster --
FUZZTIME ?= 10s
STEP = @printf '\n== %s  %s\n' "$$(date +%T)"

.PHONY: run build assets test check unit browser evidence tamper mutants fuzz crash bench explorer

## run: the server with its demo plant on http://127.0.0.1:8080 (Ctrl-C ends it; state in ./var)
run:
	@scripts/need.sh pg
	@$(MAKE) --no-print-directory build
	$(STEP) "starting"
	@exec bin/ebr serve --demo --state ./var --listen 127.0.0.1:8080

## build: bin/ebr
build: assets
	$(STEP) "building bin/ebr"
	@go build -o bin/ebr ./cmd/ebr

## assets: browser packages from npm, bundled into web/static/dist
assets:
	@scripts/need.sh
	$(STEP) "browser assets"
	@scripts/assets.sh

## test: everything that must be true before a change lands (at most 12 minutes on two cores)
test:
	@scripts/need.sh pg cc chromium poppler qpdf certutil openssl
	@$(MAKE) --no-print-directory assets
	@$(MAKE) --no-print-directory check
	@$(MAKE) --no-print-directory unit
	@$(MAKE) --no-print-directory browser
	$(STEP) "all tests passed"

# The compiler's work is shared: vet and staticcheck need the same export data.
check:
	$(STEP) "gofmt"
	@unformatted=$$(find . -name node_modules -prune -o -name '*.go' -print | xargs gofmt -l); \
		test -z "$$unformatted" || { echo "not formatted (gofmt -w):"; echo "$$unformatted"; exit 1; }
	$(STEP) "go vet"
	@go vet ./...
	$(STEP) "staticcheck"
	@go tool staticcheck ./...

unit:
	$(STEP) "tests with the race detector"
	@$(ONE_DATABASE) go test -race -p 3 -timeout 10m $(RACE_PACKAGES)

browser:
	$(STEP) "the program, requests and browser tests"
	@$(ONE_DATABASE) go test -p 3 -timeout 10m $(WHOLE) ./web/browser

## evidence: the longer slices: races and random walks in full length, fuzzing, seeded faults (make test and this: at most 60 minutes)
evidence:
	@scripts/need.sh pg cc chromium poppler qpdf certutil openssl faketime
	@$(MAKE) --no-print-directory assets
	$(STEP) "a Vault for the tests, built once"
	@scripts/vaultpeer.sh
	$(STEP) "long tests"
	@VERIBATCH_LONG=1 $(ONE_DATABASE) go test -race -timeout 20m $(LONG_PACKAGES)
	@$(ONE_DATABASE) go test -race -timeout 15m $(WHOLE)
	$(STEP) "crashes"
	@VERIBATCH_LONG=1 go test -timeout 15m ./internal/crash
	$(STEP) "long requests, backups and drills, a whole batch in the browser, and every page as everybody and by Tab"
	@VERIBATCH_LONG=1 $(ONE_DATABASE) go test -v -p 3 -timeout 30m -run '$(LONG_WEB)|$(LONG_PROGRAM)|$(LONG_BROWSER)' $(WHOLE) ./web/browser
	@$(MAKE) --no-print-directory fuzz
	@$(MAKE) --no-print-directory mutants

## tamper: what a superuser can change in a database: each column of each record and evidence table, TAMPER (63) changes of each kind, each alone; whole streams; and 1,000 looks at a plant nobody touched
TAMPER ?= 63
tamper:
	@scripts/need.sh pg
	$(STEP) "tampering"
	@VERIBATCH_TAMPER=$(TAMPER) $(ONE_DATABASE) go test -v -timeout 4h -run 'TestTampering|TestNobodyIsAccused|TestEachAttacker' ./cmd/ebr

## fuzz: every fuzz test for FUZZTIME (10s); the corpus of failures is kept in testdata/fuzz
fuzz:
	@scripts/fuzz.sh $(FUZZTIME)

## mutants: seeded faults, each of which must make the suite red
mutants:
	@scripts/need.sh pg
	$(STEP) "seeded faults"
	@$(ONE_DATABASE) go run ./internal/mutants

## crash: server and database killed, and answers dropped, CYCLES (300) times under load: nothing acknowledged is lost or doubled
CYCLES ?= 300
crash:
	@scripts/need.sh pg
	@$(MAKE) --no-print-directory assets
	$(STEP) "crashes"
	@VERIBATCH_CRASH_CYCLES=$(CYCLES) go test -v -timeout 3h -run 'TestCrashes|TestPowerLoss' ./internal/crash

## bench: the spine, step entries through HTTP, verify, pages, PDF and start, on a durable database
bench:
	@scripts/need.sh pg
	@$(MAKE) --no-print-directory assets
	$(STEP) "bench"
	@VERIBATCH_DURABLE=1 go test -run '^$$' -bench . -benchtime 1x -timeout 30m -p 1 -v $$(grep -rl --include='*_test.go' '^func Benchmark' . --exclude-dir=node_modules | xargs -n1 dirname | sort -u)

## explorer: pages of the audit trail on ENTRIES (2000000) invented entries; fails when one of a hundred takes more than 0.3 s
explorer:
	@scripts/need.sh pg
	$(STEP) "pages of the trail"
	@go run ./internal/manyentries -entries $(or $(ENTRIES),2000000)
