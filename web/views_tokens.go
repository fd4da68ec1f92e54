package web

import (
	"veribatch/signatures/access"
	"veribatch/signatures/accounts"
	"veribatch/signatures/identity"
)

// TokensView lists the machines and their API tokens. Form fields of Create: account, user_name, full_name, purpose, days, area and one box per act; of Revoke: reason; of Approve: none.
type TokensView struct {
	Page
	Machines []MachineLine
	People   []Option // who may answer for a machine
	Tokens   []TokenLine
	Create   *Form
	Accounts []Option
	Acts     []Choice
	Areas    []access.Area
	MaxDays  int
}

// TokenLine is one token with the forms that approve and revoke it; nil when that is not offered.
type TokenLine struct {
	identity.Token
	Approve, Revoke *Form
}

// MachineLine is the account of a machine. Form fields of HandOver: person, reason; of Close: reason.
type MachineLine struct {
	accounts.Machine
	HandOver, Close *Form
}

// Choice is a box that can be ticked.
type Choice struct {
	Name, Words string
	Chosen      bool
}

func (*TokensView) template() string { return "tokens/index" }
