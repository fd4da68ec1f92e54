package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"veribatch/audit/checkpoint"
	"veribatch/audit/witness"
	"veribatch/internal/fault"
)

// witnessCmd is a witness of the log of one or more plants, on a machine that others keep: C2SP tlog-witness.
type witnessCmd struct {
	State       string   `default:"./witness" placeholder:"FOLDER" help:"Folder of the key and the memory, which no backup puts back and no other program touches (${default}). A witness that lost it is retired."`
	Listen      string   `default:"127.0.0.1:9466" placeholder:"ADDRESS" help:"Where to serve (${default}). Every other than a loopback address needs --tls-own, or --tls-cert and --tls-key."`
	TLSCert     string   `name:"tls-cert" type:"path" placeholder:"FILE" help:"Certificate and its chain (PEM)."`
	TLSKey      string   `name:"tls-key" type:"path" placeholder:"FILE" help:"Key of the certificate (PEM), readable for the witness only."`
	TLSOwn      bool     `name:"tls-own" help:"Serve TLS with a certificate that the witness makes and renews itself, in its folder."`
	HostName    []string `placeholder:"NAME" help:"Further host name or address by which the plant calls this witness, for its own certificate."`
	Name        string   `placeholder:"NAME" help:"Name under which it cosigns, such as qa.example/witness; always the same one. Without it, one from its key."`
	Log         []string `required:"" sep:"none" placeholder:"KEY" help:"Key of a log to watch, as the page Log and checkpoints shows it for those who verify. Again for each log, and for each key of a log whose key was replaced."`
	AcceptEpoch []string `placeholder:"ORIGIN" help:"Origin of a log that was continued, such as veribatch/.../2, once you know from the plant's QA why. From then on only this epoch is cosigned; there is no way back."`
}

// Run answers until it is interrupted.
func (c *witnessCmd) Run(ctx context.Context, o output) (err error) {
	logs, err := witness.Logs(c.Log)
	if err != nil {
		return err
	}
	w, err := witness.Open(witness.Options{Folder: c.State, Name: c.Name, Logs: logs, Key: signerKey, Clock: time.Now})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	for _, origin := range c.AcceptEpoch {
		name, epoch, err := checkpoint.SplitOrigin(origin)
		if err != nil {
			return fault.New(fault.Invalid, "--accept-epoch %.120s is no origin of a log. The page Log and checkpoints shows it.", origin).Because(err)
		}
		if err := w.Accept(name, epoch); err != nil {
			return err
		}
	}
	d := door{Listen: c.Listen, TLSCert: c.TLSCert, TLSKey: c.TLSKey, TLSOwn: c.TLSOwn, HostName: c.HostName}
	e, err := d.open(ctx, c.State)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(o.err, nil))
	server := &http.Server{Handler: witness.Handler(w, log), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 20 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	go e.renew(ctx, log)
	fmt.Fprintf(o.out, "The witness is ready: %s %s\n", w.Key(), e.url())
	if err := e.serve(server); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// renew takes a newer certificate into use until ctx ends.
func (e *entrance) renew(ctx context.Context, log *slog.Logger) {
	for e.certificate != nil && ctx.Err() == nil {
		if _, err := e.certificate.Refresh(time.Now()); err != nil {
			log.ErrorContext(ctx, "the new certificate is not used", "error", err)
		}
		pause(ctx, lookForWork)
	}
}
