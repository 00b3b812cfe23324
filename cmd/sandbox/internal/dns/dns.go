// Package dns answers for the endpoint names of the sandbox's databases, as the
// name servers of RDS do: the addresses are real ones of this machine.
package dns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sync/errgroup"
)

const (
	// ttl is how many seconds an answer may be kept, as on RDS: a failover or a
	// rename is seen soon.
	ttl = 5
	// negativeTTL is how many seconds "no such name" may be kept: a database may
	// appear at any time.
	negativeTTL = 1
	// portTries is how often a free port is sought that is free for UDP and TCP.
	portTries = 20
	// ioTimeout bounds one read or write.
	ioTimeout = 2 * time.Second
)

// Lookup returns the address of a name, which is in lower case and without the
// dot at its end. It may be called concurrently.
type Lookup func(name string) (netip.Addr, bool)

// Server answers on one address, over UDP and TCP.
type Server struct {
	udp net.PacketConn
	tcp net.Listener
}

// Serve answers on addr until ctx ends, then returns nil. Names that lookup
// knows have an A record; all others are NXDOMAIN.
func Serve(ctx context.Context, addr string, lookup func(name string) (netip.Addr, bool)) error {
	server, err := Listen(ctx, addr)
	if err != nil {
		return err
	}
	return server.Serve(ctx, lookup)
}

// Listen takes addr for UDP and TCP. Port 0 picks one that is free for both.
func Listen(ctx context.Context, addr string) (*Server, error) {
	var failure error
	for range portTries {
		server, err := listen(ctx, addr)
		if err == nil {
			return server, nil
		}
		failure = err
		if _, port, err := net.SplitHostPort(
			addr,
		); err != nil || port != "0" ||
			!errors.Is(failure, syscall.EADDRINUSE) {
			break
		}
	}
	return nil, fmt.Errorf("listen for DNS on %s: %w", addr, failure)
}

func listen(ctx context.Context, addr string) (*Server, error) {
	var config net.ListenConfig
	udp, err := config.ListenPacket(ctx, "udp", addr)
	if err != nil {
		return nil, err
	}
	tcp, err := config.Listen(ctx, "tcp", udp.LocalAddr().String())
	if err != nil {
		return nil, errors.Join(err, udp.Close())
	}
	return &Server{udp: udp, tcp: tcp}, nil
}

// Addr is where the server answers, such as 127.0.0.1:4553.
func (s *Server) Addr() string { return s.udp.LocalAddr().String() }

// Serve answers until ctx ends, then returns nil. A server serves once.
func (s *Server) Serve(ctx context.Context, lookup Lookup) error {
	handler := dns.HandlerFunc(func(writer dns.ResponseWriter, request *dns.Msg) {
		// The client is gone when this fails, and repeats its query.
		_ = writer.WriteMsg(answer(request, lookup))
	})
	group, ctx := errgroup.WithContext(ctx)
	for _, server := range []*dns.Server{{PacketConn: s.udp}, {Listener: s.tcp}} {
		server.Handler = handler
		server.ReadTimeout, server.WriteTimeout = ioTimeout, ioTimeout
		// Only a server that has begun can be shut down.
		server.NotifyStartedFunc = func() {
			context.AfterFunc(ctx, func() { _ = server.Shutdown() })
		}
		group.Go(server.ActivateAndServe)
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("serve DNS on %s: %w", s.Addr(), err)
	}
	return nil
}

func answer(request *dns.Msg, lookup Lookup) *dns.Msg {
	reply := new(dns.Msg)
	if request.Opcode != dns.OpcodeQuery {
		return reply.SetRcode(request, dns.RcodeNotImplemented)
	}
	if len(request.Question) != 1 || request.Question[0].Qclass != dns.ClassINET {
		return reply.SetRcode(request, dns.RcodeRefused)
	}
	reply.SetReply(request)
	reply.Authoritative = true
	question := request.Question[0]
	address, known := lookup(strings.ToLower(strings.TrimSuffix(question.Name, ".")))
	switch {
	case !known:
		reply.Rcode = dns.RcodeNameError
		reply.Ns = []dns.RR{authority(question.Name)}
	case question.Qtype == dns.TypeA || question.Qtype == dns.TypeANY:
		reply.Answer = []dns.RR{&dns.A{
			Hdr: dns.RR_Header{Name: question.Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: ttl},
			A:   address.AsSlice(),
		}}
	default: // the name has no other records
		reply.Ns = []dns.RR{authority(question.Name)}
	}
	return reply
}

// authority says to resolvers how long "nothing" may be remembered.
func authority(name string) dns.RR {
	return &dns.SOA{
		Hdr:    dns.RR_Header{Name: name, Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: negativeTTL},
		Ns:     "ns.sandbox.",
		Mbox:   "nobody.sandbox.",
		Serial: 1, Refresh: negativeTTL, Retry: negativeTTL, Expire: negativeTTL, Minttl: negativeTTL,
	}
}
