package web

import (
	"time"

	"veribatch/internal/fault"
	"veribatch/internal/plaintext"
	"veribatch/signatures/access"
	"veribatch/signatures/accounts"
)

type askPeople struct {
	Search string `query:"q" doc:"part of the user name or the full name"`
	Left   string `query:"left" doc:"yes: also who has left"`
	pageOf
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
	Grants      []roleHeld `json:"roles" doc:"held now"`
	Confirmed   bool       `json:"identity_confirmed"`
	Accountable bool       `json:"accountability_signed"`
	LockedUntil *time.Time `json:"locked_until,omitempty"`
	LastLogIn   *time.Time `json:"last_log_in,omitempty"`
	CreatedAt   time.Time  `json:"created_at"`
	LeftAt      *time.Time `json:"left_at,omitempty"`
}

// roleHeld is a role with the area in which it counts.
type roleHeld struct {
	Role access.Role `json:"role"`
	Area string      `json:"area" doc:"code of the area in which the role counts; * for the whole plant"`
}

func accountOf(p accounts.Person, held access.Grants) personShort {
	roles := make([]roleHeld, len(held))
	for i, g := range held {
		roles[i] = roleHeld{g.Role, g.Area}
	}
	return personShort{p.ID, p.UserName, p.FullName, p.Active, roles, p.Confirmed, p.Accountable, p.LockedUntil, p.LastLogIn, p.CreatedAt, p.LeftAt}
}

func apiPeople(v *visit, q askPeople) (answer peopleAnswer, err error) {
	limit, err := pageSize(q.Limit)
	if err != nil {
		return answer, err
	}
	if q.Left != "" && q.Left != "yes" && q.Left != "no" {
		return answer, fault.At("left", "Ask for yes or no.")
	}
	search := accounts.Search{Left: q.Left == "yes", Limit: limit + 1}
	if search.Words, err = plaintext.Clean("q", q.Search, maxSearch); err != nil {
		return answer, err
	}
	if q.After != "" {
		last, err := accounts.Find(v.ctx, v, q.After)
		if err != nil {
			return answer, fault.At("after", "This is no place in the list. Take next of the page before.")
		}
		search.After = &last
	}
	list, err := accounts.List(v.ctx, v, search)
	if err != nil {
		return answer, err
	}
	if len(list) > limit {
		list = list[:limit]
		answer.Next = v.next(list[limit-1].ID)
	}
	ids := make([]string, len(list))
	for i, p := range list {
		ids[i] = p.ID
	}
	held, err := access.GrantsOfAll(v.ctx, v, ids)
	for _, p := range list {
		answer.People = append(answer.People, accountOf(p, held[p.ID]))
	}
	return answer, err
}

type ofPerson struct {
	Person string `path:"person" doc:"id of the person"`
}

// personWhole is what is kept about an account.
type personWhole struct {
	personShort
	Held     []roleEver    `json:"roles_ever" doc:"every role ever granted, the oldest first"`
	Checks   []identified  `json:"identity_checks" doc:"the newest first"`
	Sessions []sessionOpen `json:"open_sessions"`
}

type roleEver struct {
	roleHeld
	From time.Time  `json:"from"`
	To   *time.Time `json:"to,omitempty" doc:"absent while the role is held"`
}

type identified struct {
	Document  string    `json:"document"`
	On        string    `json:"checked_on" doc:"day"`
	Note      string    `json:"note,omitempty"`
	By        string    `json:"by" doc:"printed name"`
	At        time.Time `json:"at"`
	Signature string    `json:"signature" doc:"id"`
}

type sessionOpen struct {
	Station  string    `json:"station_name"`
	OpenedAt time.Time `json:"opened_at"`
	SeenAt   time.Time `json:"seen_at"`
	Locked   bool      `json:"locked"`
}

func apiPerson(v *visit, q ofPerson) (answer personWhole, err error) {
	f, err := accounts.Open(v.ctx, v, q.Person)
	if err != nil {
		return answer, err
	}
	held, err := access.GrantsOf(v.ctx, v, f.ID)
	answer.personShort = accountOf(f.Person, held)
	for _, h := range f.Held {
		answer.Held = append(answer.Held, roleEver{roleHeld{h.Role, h.Area}, h.GrantedAt, h.RevokedAt})
	}
	for _, c := range f.Checks {
		answer.Checks = append(answer.Checks, identified{c.Document, c.On.Format(time.DateOnly), c.Note, c.By, c.At, c.Signature})
	}
	for _, s := range f.Sessions {
		answer.Sessions = append(answer.Sessions, sessionOpen{s.Station, s.OpenedAt, s.SeenAt, s.Locked})
	}
	return answer, err
}
