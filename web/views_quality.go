package web

import (
	"time"

	"veribatch/ebr/quality"
)

// IncidentsView lists incidents, the open ones first.
type IncidentsView struct {
	Page
	Incidents []IncidentLine
	Older     string // address of the next page; "" at the end
}

// IncidentLine is one incident in a list.
type IncidentLine struct {
	Href            string // "" when the person may not open it
	Number          string
	Kind, Summary   string
	State           string // open, closed
	At, Last        time.Time
	Times           int64
	Batches, Judged int // how many it may have touched, and on how many the effect is judged
}

// IncidentView is one incident: what failed, which batches it may have touched, and what was judged.
type IncidentView struct {
	Page
	Incident      IncidentLine
	Header        []Line
	Batches       []IncidentBatch
	Cause, Action string  // "" while it is open
	Closed        *Signed // nil while it is open
	Close         *Form   // signed; fields: root_cause, action
	Waits         string  // why there is no form
}

// IncidentBatch is a batch that an incident may have touched.
type IncidentBatch struct {
	Href, Number string
	Linked       time.Time
	JudgementLine
	Former   []JudgementLine // oldest first
	Waits    string          // why there is no form
	Assess   *Form           // fields: disposition, reason
	Reassess *Form           // signed; fields: disposition, reason, changed_because
}

// JudgementLine is what somebody judged about a batch.
type JudgementLine struct {
	Disposition string // "" while it is not judged
	Reason, By  string
	At          time.Time
	Because     string // why it replaced the one before
	Ended       string // of a former judgement: how and when
}

// BatchIncident is an incident on the page of a batch that it may have touched.
type BatchIncident struct {
	IncidentLine
	JudgementLine
	Former []JudgementLine
}

func (*IncidentsView) template() string { return "quality/incidents" }
func (*IncidentView) template() string  { return "quality/incident" }

// ReviewState says how far the trail of a batch is reviewed, in shape and words.
type ReviewState struct {
	Words string
	Level string // waiting, done, alert (entries came after a review)
	Href  string // of the review; "" for who may not read it
}

// ReviewView is the task of reviewing a batch's trail: one page of the entries that no review covers, and how far this person has read them.
type ReviewView struct {
	Page
	State         *ReviewState
	Reviews       []ReviewLine // signed ones, oldest first
	From          int64        // the first entry of the batch's stream that is not reviewed
	List          string       // which list the page shows: all, or critical
	First, Last   int          // numbers of the first and the last entry of the page in the list
	Count         int          // how many entries the list has
	Entries       []Matter
	All, Critical string // addresses of the beginnings of both lists
	Later, GoOn   string // addresses of the next page, and of the one that is to be read next; "" for none

	Listed, OpenedOf           int // all entries, and how many of them this person has opened
	Criticals, CriticalsOpened int
	Kinds                      []quality.CriticalKind
	Opened                     time.Time // when this person opened the review; zero when it is not open
	Begin                      *Form
	Read                       *Form  // enters that this page was read; fields: list, from, to, entries
	Unread                     int    // how many entries the page shows,
	Since, Until               string // and the places of the first and the last one
	Sign                       *Form  // signed; field: remarks
	Waits                      string
}

// ReviewLine is a signed review.
type ReviewLine struct {
	From, To    int64
	First, Hash string // SHA-256 of the first entry, "" of reviews signed before it was named, and of the last entry
	Others      int64  // entries of other streams
	Read        string // how many of them were opened, in words; "" of reviews signed before that was counted
	By, Remarks string
	At          time.Time
	Took        string // how long it was open, "6m12s"
	Quick       bool   // too short to have read it
}

// Matter is an entry, and why a reviewer looks at it first; "" for what went as planned.
type Matter struct {
	Why string
	TrailEntry
}

func (*ReviewView) template() string { return "quality/review" }
