package web

import (
	"time"

	"veribatch/signatures/accounts"
)

// machines are the accounts of machines. What their tokens allow stands in the list of tokens.
type machines struct {
	Machines []machineWhole `json:"machines" doc:"those in use by user name, then the closed ones, the last closed first"`
	Next     string         `json:"next,omitempty" doc:"address of the next page; absent on the last one"`
}

// machineWhole is the account of a machine with the person who answers for it.
type machineWhole struct {
	Account         string     `json:"account" doc:"id, as in the list of tokens"`
	UserName        string     `json:"user_name"`
	FullName        string     `json:"full_name" doc:"as the audit trail prints it"`
	Responsible     string     `json:"responsible,omitempty" doc:"id of the person who answers for the machine"`
	ResponsibleName string     `json:"responsible_name,omitempty"`
	AtWork          bool       `json:"responsible_at_work" doc:"false: this person has left and the machine has to be handed over"`
	Tokens          int        `json:"tokens_in_use" doc:"tokens that are neither revoked nor expired"`
	CreatedAt       time.Time  `json:"created_at"`
	ClosedAt        *time.Time `json:"closed_at,omitempty" doc:"since when the account is closed, for ever; absent while the machine is in use"`
}

func apiMachines(v *visit, q pageOf) (answer machines, err error) {
	list, err := accounts.Machines(v.ctx, v)
	if err != nil {
		return answer, err
	}
	list, answer.Next, err = paged(v, q, list, func(m accounts.Machine) string { return m.ID })
	for _, m := range list {
		answer.Machines = append(answer.Machines, machineWhole{m.ID, m.UserName, m.FullName, m.Responsible, m.ResponsibleName, m.Answered, m.Live, m.CreatedAt, m.ClosedAt})
	}
	return answer, err
}

// machineRight is a machine that was in use at some time of a day, with each token that lived then.
type machineRight struct {
	Account         string       `json:"account" doc:"id"`
	UserName        string       `json:"user_name"`
	FullName        string       `json:"full_name"`
	ResponsibleName string       `json:"responsible_name" doc:"who answered for it at the end of the day, as printed"`
	From            time.Time    `json:"from" doc:"when the account was made"`
	To              *time.Time   `json:"to,omitempty" doc:"when it was closed; absent while it is in use"`
	Tokens          []tokenRight `json:"tokens"`
}

type tokenRight struct {
	Token      string     `json:"token" doc:"id of the token, no secret"`
	Purpose    string     `json:"purpose"`
	Acts       []string   `json:"acts"`
	Area       string     `json:"area" doc:"code of the area in which it counted; * for the whole plant"`
	IssuedBy   string     `json:"issued_by" doc:"printed name"`
	IssuedAt   time.Time  `json:"issued_at"`
	ApprovedBy string     `json:"approved_by,omitempty" doc:"printed name"`
	ApprovedAt *time.Time `json:"approved_at,omitempty" doc:"absent when nobody had approved it by the end of the day"`
	From       *time.Time `json:"from,omitempty" doc:"from when it opened what it names; absent when it still waited for QA at the end of the day"`
	To         time.Time  `json:"to" doc:"until when: expired, revoked, closed with its account or ended by a restore, whichever comes first"`
}

func machineRightsOf(machines []accounts.MachineRight) (answer []machineRight) {
	for _, m := range machines {
		one := machineRight{m.Account, m.UserName, m.FullName, m.Responsible, m.From, m.To, nil}
		for _, t := range m.Tokens {
			one.Tokens = append(one.Tokens, tokenRight{t.Token, t.Purpose, t.Acts, t.Area, t.IssuedBy, t.IssuedAt, t.ApprovedBy, t.ApprovedAt, t.Good, t.To})
		}
		answer = append(answer, one)
	}
	return answer
}
