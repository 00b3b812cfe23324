package env

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
)

const (
	// dnsPort is where programs expect a name server; a resolv.conf names no port.
	dnsPort = "53"
	// stripePort is where programs expect Stripe.
	stripePort = "443"
)

// dnsAddress is where a sandbox's name server listens.
func dnsAddress() string { return ownAddress(dnsPort) }

// stripeAddress is where a sandbox's Stripe listens.
func stripeAddress() string { return ownAddress(stripePort) }

// stripeDNS is where the name server of a sandbox without databases listens: nowhere, if no program could
// find Stripe by it.
func stripeDNS() string {
	if os.Geteuid() != 0 {
		return ""
	}
	return dnsAddress()
}

// ownAddress is a loopback address of its own, and, if we may, the well-known port.
func ownAddress(port string) string {
	if os.Geteuid() != 0 {
		return "127.0.0.1:0"
	}
	const parts = 250
	return fmt.Sprintf("127.%d.%d.%d:%s", 2+rand.IntN(parts), 1+rand.IntN(parts), 1+rand.IntN(parts), port)
}

// resolving returns the command for a program that finds databases and Stripe by the sandbox's name server, as every
// program of a cluster does whose DNS knows them: it sees a resolv.conf of its own.
func (s *Sandbox) resolving(dir, program string, args []string) (*exec.Cmd, error) {
	if s.DNS == "" {
		return exec.Command(program, args...), nil
	}
	host, port, err := net.SplitHostPort(s.DNS)
	if err != nil {
		return nil, err
	}
	if port != dnsPort {
		return nil, fmt.Errorf("the operator cannot find databases at the name server %s: run the tests as root", s.DNS)
	}
	file := filepath.Join(dir, "resolv.conf")
	if err := os.WriteFile(file, []byte("nameserver "+host+"\n"), 0o600); err != nil {
		return nil, err
	}
	const script = `mount --bind "$0" /etc/resolv.conf && exec "$@"`
	return exec.Command("unshare", append([]string{"--mount", "sh", "-c", script, file, program}, args...)...), nil
}
