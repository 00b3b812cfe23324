package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
)

// cluster reads the user's cluster.
type cluster struct {
	client.Reader
	// namespace that the user chose.
	namespace string
}

// bind defines kubectl's flags for choosing a cluster, and returns a function that connects to it.
func bind(flags *pflag.FlagSet) func() (cluster, error) {
	rules, overrides := clientcmd.NewDefaultClientConfigLoadingRules(), &clientcmd.ConfigOverrides{}
	flags.StringVar(&rules.ExplicitPath, "kubeconfig", "", "the kubeconfig file to use, in place of $KUBECONFIG or ~/.kube/config")
	flags.StringVar(&overrides.CurrentContext, "context", "", "the context of the kubeconfig to use")
	flags.StringVarP(&overrides.Context.Namespace, "namespace", "n", "", "the namespace of the platform, in place of the context's")
	return func() (cluster, error) {
		return connect(clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides))
	}
}

func connect(from clientcmd.ClientConfig) (cluster, error) {
	config, err := from.ClientConfig()
	if clientcmd.IsEmptyConfig(err) {
		return cluster{}, errors.New("no cluster is configured: set KUBECONFIG, or name a file with --kubeconfig")
	}
	if err != nil {
		return cluster{}, fmt.Errorf("reading the kubeconfig: %w", err)
	}
	namespace, _, err := from.Namespace()
	if err != nil {
		return cluster{}, fmt.Errorf("reading the namespace from the kubeconfig: %w", err)
	}
	scheme := runtime.NewScheme()
	if err := errors.Join(v1alpha1.AddToScheme(scheme), corev1.AddToScheme(scheme)); err != nil {
		return cluster{}, err
	}
	reader, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return cluster{}, fmt.Errorf("connecting to %s: %w", config.Host, err)
	}
	return cluster{Reader: reader, namespace: namespace}, nil
}

// platform returns a platform, or an error that says what to do.
func (c cluster) platform(ctx context.Context, name string) (*v1alpha1.CoachPlatform, error) {
	found := &v1alpha1.CoachPlatform{}
	if err := c.Get(ctx, client.ObjectKey{Namespace: c.namespace, Name: name}, found); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, fmt.Errorf("there is no CoachPlatform %s in the namespace %s: kubectl get cp -A lists those that you may see",
				name, c.namespace)
		}
		return nil, c.explain("CoachPlatform", name, err)
	}
	return found, nil
}

// report returns the report of a platform, or an error that says what to do.
func (c cluster) report(ctx context.Context, name string) (*v1alpha1.SecurityReport, error) {
	found := &v1alpha1.SecurityReport{}
	err := c.Get(ctx, client.ObjectKey{Namespace: c.namespace, Name: name}, found)
	if err == nil {
		return found, nil
	}
	if !apierrors.IsNotFound(err) {
		return nil, c.explain("SecurityReport", name, err)
	}
	if _, err := c.platform(ctx, name); err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("the platform %s has no report yet: is the operator running? "+
		"(kubectl -n coach-system get deployment coach-operator)", name)
}

// explain adds what to do to an error of the API server.
func (c cluster) explain(kind, name string, err error) error {
	switch {
	case meta.IsNoMatchError(err):
		return fmt.Errorf("the cluster has no kind %s: install the operator (kubectl apply -k config/default), or choose another cluster "+
			"with --context", kind)
	case apierrors.IsForbidden(err):
		return fmt.Errorf("you may not read the %s %s: ask for the role view in the namespace %s: %w", kind, name, c.namespace, err)
	case apierrors.IsUnauthorized(err):
		return fmt.Errorf("the cluster rejected your credentials: log in again: %w", err)
	}
	return fmt.Errorf("reading the %s %s in the namespace %s: %w", kind, name, c.namespace, err)
}
