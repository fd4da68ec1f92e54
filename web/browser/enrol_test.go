package browser_test

import (
	"context"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"veribatch/internal/browser"
	"veribatch/signatures/access"
	"veribatch/signatures/accounts"
	"veribatch/signatures/signtest"
)

// The secret of an invitation stands behind the # of its address: the page takes it from there and out of the address, and without scripts
// somebody pastes it. No address that the server is asked for has it.
func TestLinkOfAnInvitation(t *testing.T) {
	p := shopIn(t, signtest.New(t))
	nora := p.Person("nora.lange", access.Operator)
	_, err := p.Run(p.Admin, "", accounts.Reset{Person: nora.ID, Reason: "forgotten"})
	require.NoError(t, err)
	link := p.Invitation(nora.ID).Link(p.Desk.Key)

	tab := browser.Start(t)
	tab.Size(1024, 768)
	tab.Open(p.server.URL + "/enrol#" + link)
	tab.Wait("#enrol input[name=code]")
	equal(t, "what stays in the address", browser.Value[string](tab, `location.href`), p.server.URL+"/enrol")
	equal(t, "who is greeted", tab.Text("main strong"), "Nora Lange")
	tab.Open(p.server.URL + "/enrol#something-else")
	tab.Wait("#enrol-link")

	plain := browser.Start(t)
	plain.Do(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	}))
	plain.Open(p.server.URL + "/enrol#" + link)
	plain.Type("#enrol-link-link", p.server.URL+"/enrol#"+link)
	plain.Click("#enrol-link .vb-primary")
	plain.Wait("#enrol input[name=code]")
}
