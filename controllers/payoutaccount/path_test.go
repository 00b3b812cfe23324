package payoutaccount_test

import (
	"net/http"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// path is what lies between the operator and the world.
type path struct {
	kube   func(client.Client) client.Client
	stripe func(http.RoundTripper) http.RoundTripper
}
