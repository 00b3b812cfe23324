package dns_test

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	miekg "github.com/miekg/dns"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/dns"
)

const (
	known   = "pay-1.abc123.eu-west-1.rds.amazonaws.com"
	address = "127.66.3.4"
)

func lookup(name string) (netip.Addr, bool) {
	return netip.MustParseAddr(address), name == known
}

// serve runs a server for the length of a test and returns where it answers.
func serve(t *testing.T) string {
	t.Helper()
	server, err := dns.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, lookup) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("serve: %v", err)
			}
		case <-time.After(10 * time.Second):
			t.Error("the server did not end")
		}
	})
	return server.Addr()
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		name      string
		kind      uint16
		class     uint16
		rcode     int
		addresses []string
	}{
		"the endpoint of a database has its address": {
			name:      known + ".",
			kind:      miekg.TypeA,
			addresses: []string{address},
		},
		"case does not matter": {
			name: "PAY-1.abc123.EU-west-1.rds.amazonaws.com.", kind: miekg.TypeA, addresses: []string{address},
		},
		"a name that has no IPv6 address exists all the same": {name: known + ".", kind: miekg.TypeAAAA},
		"an unknown name does not exist": {
			name: "gone.abc123.eu-west-1.rds.amazonaws.com.", kind: miekg.TypeA, rcode: miekg.RcodeNameError,
		},
		"the root does not exist": {name: ".", kind: miekg.TypeA, rcode: miekg.RcodeNameError},
		"another class than the Internet is refused": {
			name: known + ".", kind: miekg.TypeA, class: miekg.ClassCHAOS, rcode: miekg.RcodeRefused,
		},
	}
	server := serve(t)
	for sentence, test := range cases {
		for _, network := range []string{"udp", "tcp"} {
			t.Run(sentence+", over "+network, func(t *testing.T) {
				t.Parallel()
				question := new(miekg.Msg)
				question.SetQuestion(test.name, test.kind)
				if test.class != 0 {
					question.Question[0].Qclass = test.class
				}
				client := miekg.Client{Net: network, Timeout: 5 * time.Second}
				reply, _, err := client.ExchangeContext(t.Context(), question, server)
				if err != nil {
					t.Fatal(err)
				}
				if reply.Rcode != test.rcode {
					t.Errorf("rcode %s, want %s", miekg.RcodeToString[reply.Rcode], miekg.RcodeToString[test.rcode])
				}
				checkAddresses(t, reply, test.addresses)
			})
		}
	}
}

func checkAddresses(t *testing.T, reply *miekg.Msg, want []string) {
	t.Helper()
	if len(reply.Answer) != len(want) {
		t.Fatalf("answer %v, want %v", reply.Answer, want)
	}
	for n, record := range reply.Answer {
		a, ok := record.(*miekg.A)
		if !ok || a.A.String() != want[n] {
			t.Errorf("record %v, want address %s", record, want[n])
		}
		if ttl := record.Header().Ttl; ttl > 5 {
			t.Errorf("answer may be kept for %d s, a rename would go unseen", ttl)
		}
	}
	if len(want) == 0 && len(reply.Ns) == 0 && reply.Rcode != miekg.RcodeRefused {
		t.Error("no SOA record: resolvers choose themselves how long they remember nothing")
	}
}

func TestAnOrdinaryResolverFindsADatabase(t *testing.T) {
	t.Parallel()
	server := serve(t)
	resolver := net.Resolver{
		PreferGo: true,
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, server)
		},
	}
	found, err := resolver.LookupHost(t.Context(), known+".")
	if err != nil || len(found) != 1 || found[0] != address {
		t.Errorf("found %v, %v; want %s", found, err, address)
	}
}

func TestServeEndsWithItsContext(t *testing.T) {
	t.Parallel()
	cases := map[string]func(t *testing.T) context.Context{
		"ended before it began": func(t *testing.T) context.Context {
			t.Helper()
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			return ctx
		},
		"ended while serving": func(t *testing.T) context.Context {
			t.Helper()
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			t.Cleanup(cancel)
			return ctx
		},
	}
	for sentence, begin := range cases {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			server, err := dns.Listen(t.Context(), "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			idle, err := new(net.Dialer).DialContext(t.Context(), "tcp", server.Addr())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := idle.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			})
			ended := make(chan error, 1)
			ctx := begin(t)
			go func() { ended <- server.Serve(ctx, lookup) }()
			select {
			case err := <-ended:
				if err != nil {
					t.Errorf("serve: %v", err)
				}
			case <-time.After(5 * time.Second):
				t.Fatal("still serving")
			}
			if _, err := dns.Listen(t.Context(), server.Addr()); err != nil {
				t.Errorf("its port is still taken: %v", err)
			}
		})
	}
}

func TestAPortInUseIsAnError(t *testing.T) {
	t.Parallel()
	taken := serve(t)
	if err := dns.Serve(t.Context(), taken, lookup); err == nil {
		t.Error("a second server took the same port")
	}
}
