package main

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"github.com/miekg/dns"
)

// serveZone answers for one zone over UDP and TCP until ctx ends. It refuses all other
// names, so that a test sees when more than the zone is forwarded to it.
func serveZone(ctx context.Context, address, zone string) error {
	name, ip, _ := strings.Cut(zone, "=")
	target, err := netip.ParseAddr(ip)
	if err != nil || !target.Is4() {
		return fmt.Errorf("%q is not ZONE=IPv4", zone)
	}
	mux := dns.NewServeMux()
	mux.HandleFunc(dns.Fqdn(name), func(w dns.ResponseWriter, query *dns.Msg) {
		_ = w.WriteMsg(answer(query, target))
	})

	ended := make(chan error, 2)
	for _, network := range []string{"udp", "tcp"} {
		server := &dns.Server{Addr: address, Net: network, Handler: mux}
		go func() { ended <- server.ListenAndServe() }()
	}
	select {
	case err := <-ended:
		return fmt.Errorf("serve zone: %w", err)
	case <-ctx.Done():
		return nil
	}
}

// answer is the reply to a query of the zone: the target to an A question, and no data
// to any other.
func answer(query *dns.Msg, target netip.Addr) *dns.Msg {
	reply := new(dns.Msg).SetReply(query)
	question := query.Question[0]
	if question.Qtype == dns.TypeA {
		reply.Answer = append(reply.Answer, &dns.A{
			Hdr: dns.RR_Header{Name: question.Name, Rrtype: dns.TypeA, Class: dns.ClassINET},
			A:   target.AsSlice(),
		})
	}
	return reply
}
