package main

import (
	"context"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/net/netutil"

	"veribatch/internal/certificate"
	"veribatch/internal/fault"
)

// door is how clients reach the server.
type door struct {
	Listen   string   `default:"127.0.0.1:8080" placeholder:"ADDRESS" help:"Where to serve (${default}), with port 0 for a free one. Plain HTTP on a loopback address only; every other needs --tls-own, or --tls-cert and --tls-key."`
	TLSCert  string   `name:"tls-cert" type:"path" placeholder:"FILE" help:"Certificate and its chain (PEM). A new one is taken into use within a minute, or at once after SIGHUP; a bad one is told and not used."`
	TLSKey   string   `name:"tls-key" type:"path" placeholder:"FILE" help:"Key of the certificate (PEM), readable for the server only."`
	TLSOwn   bool     `name:"tls-own" help:"Serve TLS with a certificate that the server makes and renews itself, in the state folder."`
	HostName []string `placeholder:"NAME" help:"Further host name or address by which stations call this server, for its own certificate."`
	Proxy    []string `placeholder:"CIDR" help:"Network or address of a server in front of this one, whose X-Forwarded-For and X-Forwarded-Proto are believed. Nobody else's are."`
	Metrics  string   `placeholder:"ADDRESS" help:"Loopback address for /metrics and the details of /readyz, such as 127.0.0.1:9464. Without it there are none."`
}

// Connections that may be open: of all clients, and of one of them (not of a proxy).
const (
	mostConnections      = 2048
	mostConnectionsOfOne = 128
)

// entrance is an open door.
type entrance struct {
	net.Listener
	certificate *certificate.Keeper // nil for plain HTTP
	proxies     []netip.Prefix
	metrics     net.Listener // nil without
}

func (e *entrance) url() string {
	if e.certificate != nil {
		return "https://" + e.Addr().String()
	}
	return "http://" + e.Addr().String()
}

// Close closes what listens.
func (e *entrance) Close() error {
	if e.metrics != nil {
		_ = e.metrics.Close()
	}
	return e.Listener.Close()
}

// open checks what was asked for and opens the addresses, before anything else starts. Passwords and signatures do not travel in the clear
// over a network.
func (d *door) open(ctx context.Context, state string) (e *entrance, err error) {
	e = &entrance{}
	host, loopback, err := reach(ctx, "--listen", d.Listen)
	if err != nil {
		return nil, err
	}
	switch {
	case (d.TLSCert == "") != (d.TLSKey == ""), d.TLSOwn && d.TLSCert != "":
		return nil, fault.New(fault.Invalid, "Name either both --tls-cert and --tls-key, or --tls-own.")
	case d.TLSCert != "":
		e.certificate, err = certificate.Given(d.TLSCert, d.TLSKey)
	case d.TLSOwn:
		e.certificate, err = certificate.Own(filepath.Join(state, "tls"), certificate.Names(append(d.HostName, named(host)...)...))
	case !loopback:
		return nil, fault.New(fault.Invalid, "--listen %s would serve plain HTTP to the network, where others can read passwords. Add --tls-own (the server makes "+
			"its certificate itself) or --tls-cert and --tls-key, or use a loopback address with a server with TLS in front of it.", d.Listen)
	}
	if err != nil {
		return nil, err
	}
	if e.proxies, err = networks(d.Proxy); err != nil {
		return nil, err
	}
	listener, err := listen(ctx, "--listen", d.Listen)
	if err != nil {
		return nil, err
	}
	e.Listener = &fair{Listener: netutil.LimitListener(listener, mostConnections), most: mostConnectionsOfOne, proxies: e.proxies, open: map[netip.Addr]int{}}
	if d.Metrics == "" {
		return e, nil
	}
	if _, loopback, err = reach(ctx, "--metrics", d.Metrics); err == nil && !loopback {
		err = fault.New(fault.Invalid, "--metrics %s is open to the network. Use a loopback address, and let a collector on this machine read it.", d.Metrics)
	}
	if err == nil {
		e.metrics, err = listen(ctx, "--metrics", d.Metrics)
	}
	if err != nil {
		_ = listener.Close()
		return nil, err
	}
	return e, nil
}

// reach tells whether an address can be reached from this machine only.
func reach(ctx context.Context, flag, address string) (host string, loopback bool, err error) {
	host, _, err = net.SplitHostPort(address)
	if err != nil {
		return "", false, fault.New(fault.Invalid, "%s %s is not an address of the form HOST:PORT, such as 127.0.0.1:8080.", flag, address)
	}
	ips, err := net.DefaultResolver.LookupIPAddr(ctx, host)
	if err != nil && host != "" {
		return "", false, fault.New(fault.Invalid, "%s %s: the host %s is not known here.", flag, address, host).Because(err)
	}
	loopback = host != ""
	for _, ip := range ips {
		loopback = loopback && ip.IP.IsLoopback()
	}
	return host, loopback, nil
}

// named leaves out hosts that mean "every address".
func named(host string) []string {
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		return nil
	}
	return []string{host}
}

func listen(ctx context.Context, flag, address string) (net.Listener, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fault.New(fault.NotReady, "The address %s cannot be used. Is another server running there? Choose another with %s.", address, flag).Because(err)
	}
	return listener, nil
}

// networks reads the named proxies. One that stands for everybody is refused: it would believe everybody.
func networks(named []string) (list []netip.Prefix, err error) {
	for _, text := range named {
		p, err := netip.ParsePrefix(text)
		if a, err2 := netip.ParseAddr(text); err2 == nil {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil || p.Bits() == 0 {
			return nil, fault.New(fault.Invalid, "--proxy %s is not the address or network of a proxy, such as 10.0.0.7 or 10.0.0.0/28.", text)
		}
		list = append(list, p.Masked())
	}
	return list, nil
}

// fair is a listener that gives no client more than its share of the connections: one that opens all of them and says nothing would lock
// out the others. Proxies speak for many and have no share.
type fair struct {
	net.Listener
	most    int
	proxies []netip.Prefix

	mu   sync.Mutex
	open map[netip.Addr]int
}

// Accept gives the next connection; those beyond a client's share are closed at once.
func (f *fair) Accept() (net.Conn, error) {
	for {
		conn, err := f.Listener.Accept()
		if err != nil {
			return nil, err
		}
		peer, err := netip.ParseAddrPort(conn.RemoteAddr().String())
		if err != nil || f.takes(peer.Addr().Unmap().WithZone("")) {
			return &counted{Conn: conn, gone: sync.OnceFunc(func() { f.leave(peer.Addr().Unmap().WithZone("")) })}, nil
		}
		_ = conn.Close()
	}
}

func (f *fair) takes(peer netip.Addr) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.proxies {
		if p.Contains(peer) {
			f.open[peer]++
			return true
		}
	}
	if f.open[peer] >= f.most {
		return false
	}
	f.open[peer]++
	return true
}

func (f *fair) leave(peer netip.Addr) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.open[peer]--; f.open[peer] <= 0 {
		delete(f.open, peer)
	}
}

type counted struct {
	net.Conn
	gone func()
}

// Close closes the connection and frees its place.
func (c *counted) Close() error {
	c.gone()
	return c.Conn.Close()
}

// describe gives the settings of the door for the entry of the start.
func (e *entrance) describe() map[string]string {
	notes := map[string]string{"address": e.url()}
	if e.certificate != nil {
		notes["certificate"] = e.certificate.String()
	}
	if len(e.proxies) > 0 {
		var texts []string
		for _, p := range e.proxies {
			texts = append(texts, p.String())
		}
		notes["proxies"] = strings.Join(texts, " ")
	}
	return notes
}
