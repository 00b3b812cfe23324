// Package installation keeps the one ID from which every cloud name and tag of this installation is
// made.
package installation

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/internal/naming"
)

// Where the ID is kept. Back this ConfigMap up: with it, and only with it, a new cluster finds what
// the old one made.
const (
	configMap = "coach-installation"
	idKey     = "id"
)

// ID returns the installation's ID. The first call of the first replica makes and stores one; a
// non-empty override is stored if nothing is, and must equal what is stored otherwise.
func ID(ctx context.Context, c client.Client, namespace, override string) (string, error) {
	made := override
	if made == "" {
		made = strings.ToLower(rand.Text())[:12]
	}
	err := c.Create(ctx, &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: configMap, Labels: map[string]string{naming.LabelManagedBy: naming.ManagedBy},
		},
		Immutable: new(true), // another ID would lose everything that was made under this one
		Data:      map[string]string{idKey: made},
	})
	if err == nil {
		return made, nil
	}
	if !apierrors.IsAlreadyExists(err) {
		return "", fmt.Errorf("storing the installation ID: %w", err)
	}
	var stored corev1.ConfigMap
	if err := c.Get(ctx, types.NamespacedName{Namespace: namespace, Name: configMap}, &stored); err != nil {
		return "", fmt.Errorf("reading the installation ID: %w", err)
	}
	id := stored.Data[idKey]
	switch {
	case id == "":
		return "", fmt.Errorf("the ConfigMap %s/%s has no key %q; restore it from a backup: another ID would lose "+
			"everything that was made under the old one", namespace, configMap, idKey)
	case override != "" && override != id:
		return "", fmt.Errorf("--installation-id is %q and the ConfigMap %s/%s says %q; delete the ConfigMap first if the "+
			"flag is right, or drop the flag", override, namespace, configMap, id)
	}
	return id, nil
}
