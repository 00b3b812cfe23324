// Command coredns is CoreDNS with the plugins of the node's cluster DNS and no others.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"

	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/forward"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/hosts"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/log"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/reload"
	_ "github.com/coredns/coredns/plugin/template"
)

func main() {
	// The order in which a query meets the plugins. Hosts wins, so that one name of a
	// forwarded zone can be overridden, and template is last, so that it can say
	// NXDOMAIN to whatever nobody answered.
	dnsserver.Directives = []string{
		"reload", "health", "ready", "errors", "log",
		"hosts", "kubernetes", "forward", "template",
	}
	coremain.Run()
}
