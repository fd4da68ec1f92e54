package web

import (
	"time"

	"veribatch/internal/plaintext"
	"veribatch/signatures/accounts"
)

type askPeople struct {
	Search string `query:"q" doc:"part of the user name or the full name"`
	Left   string `query:"left" doc:"yes: also who has left"`
	After  string `query:"after" doc:"continue behind this place, from next of the page before"`
}

type peopleAnswer struct {
	People []personShort `json:"people"`
	Next   string        `json:"next,omitempty" doc:"address of the next page; absent on the last one"`
}

// personShort is one account.
type personShort struct {
	Person      string     `json:"person" doc:"id"`
	UserName    string     `json:"user_name"`
	FullName    string     `json:"full_name"`
	Active      bool       `json:"active"`
	Roles       []string   `json:"roles"`
	Confirmed   bool       `json:"identity_confirmed"`
	Accountable bool       `json:"accountability_signed"`
	LockedUntil *time.Time `json:"locked_until,omitempty"`
	LastLogIn   *time.Time `json:"last_log_in,omitempty"`
	CreatedAt   time.Time  `json:"created_at"`
	LeftAt      *time.Time `json:"left_at,omitempty"`
}

func accountOf(p accounts.Person) personShort {
	return personShort{p.ID, p.UserName, p.FullName, p.Active, p.Roles, p.Confirmed, p.Accountable, p.LockedUntil, p.LastLogIn, p.CreatedAt, p.LeftAt}
}

func apiPeople(v *visit, q askPeople) (answer peopleAnswer, err error) {
	search := accounts.Search{Left: q.Left == "yes", Limit: peoplePage + 1}
	if search.Words, err = plaintext.Clean("q", q.Search, maxSearch); err != nil {
		return answer, err
	}
	if q.After != "" {
		last, err := accounts.Find(v.ctx, v, q.After)
		if err != nil {
			return answer, err
		}
		search.After = &last
	}
	list, err := accounts.List(v.ctx, v, search)
	if len(list) > peoplePage {
		list = list[:peoplePage]
		answer.Next = v.next(list[peoplePage-1].ID)
	}
	for _, p := range list {
		answer.People = append(answer.People, accountOf(p))
	}
	return answer, err
}

type ofPerson struct {
	Person string `path:"person" doc:"id of the person"`
}

func apiPerson(v *visit, q ofPerson) (personShort, error) {
	p, err := accounts.Find(v.ctx, v, q.Person)
	return accountOf(p), err
}
