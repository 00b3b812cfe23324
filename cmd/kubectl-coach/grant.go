package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"
)

const (
	// operator is the name of the operator's service account, and of the Role that it is given.
	operator = "coach-operator"
	// home is the operator's namespace.
	home = "coach-system"
)

func grantCommand(a app) *cobra.Command {
	return &cobra.Command{
		Use:   "grant NAMESPACE",
		Short: "Print the RBAC that lets the operator manage Secrets in a namespace",
		Long: `Print a Role and a RoleBinding for the operator in a namespace. With them it manages the Secrets of database logins and
of Stripe's webhook signing, and reads the Secret with the key of the business's Stripe account. Without them it has no
right to any Secret of a tenant. Nothing is applied: pipe the output to kubectl, or commit it.`,
		Example: "  kubectl coach grant tenant-acme | kubectl apply -f -",
		Args:    cobra.ExactArgs(1),
		RunE:    func(_ *cobra.Command, args []string) error { return grant(a.out, args[0]) },
	}
}

func grant(to io.Writer, namespace string) error {
	if problems := validation.IsDNS1123Label(namespace); len(problems) > 0 {
		return fmt.Errorf("%q is not a valid namespace name: %s", namespace, strings.Join(problems, "; "))
	}
	named := metav1.ObjectMeta{Namespace: namespace, Name: operator}
	for _, object := range []any{
		&rbacv1.Role{
			TypeMeta: typeMeta("Role"), ObjectMeta: named,
			Rules: []rbacv1.PolicyRule{{
				APIGroups: []string{corev1.GroupName}, Resources: []string{"secrets"}, Verbs: []string{"get", "list", "create", "patch", "delete"},
			}},
		},
		&rbacv1.RoleBinding{
			TypeMeta: typeMeta("RoleBinding"), ObjectMeta: named,
			RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: operator},
			Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: home, Name: operator}},
		},
	} {
		text, err := yaml.Marshal(object)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(to, "---\n%s", text); err != nil {
			return fmt.Errorf("writing: %w", err)
		}
	}
	return nil
}

func typeMeta(kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: kind}
}
