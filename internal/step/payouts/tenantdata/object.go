package tenantdata

import (
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/coachplatform/coach-operator/internal/sensitive"
)

// object is one of a tenant's, as far as somebody chose what it says.
type object struct {
	kind, name, version string
	uid                 types.UID
	contents            contents
}

// contents are what is scanned. What the API server says of itself, such as who manages which field,
// is left out: it repeats names of fields and holds no values.
type contents struct {
	Metadata metadata `json:"metadata"`
	Spec     any      `json:"spec"`
	Status   any      `json:"status"`
}

type metadata struct {
	Name         string            `json:"name,omitempty"`
	GenerateName string            `json:"generateName,omitempty"`
	Labels       map[string]string `json:"labels,omitempty"`
	Annotations  map[string]string `json:"annotations,omitempty"`
	Finalizers   []string          `json:"finalizers,omitempty"`
}

func objectOf(kind string, meta metav1.ObjectMeta, spec, status any) object {
	return object{kind: kind, name: meta.Name, version: meta.ResourceVersion, uid: meta.UID, contents: contents{
		Metadata: metadata{meta.Name, meta.GenerateName, meta.Labels, meta.Annotations, meta.Finalizers}, Spec: spec, Status: status,
	}}
}

// shown is the object's kind and name; a name may be a number, too.
func (o object) shown() string { return o.kind + "/" + sensitive.Shown(o.name) }

// scan scans the object as it would be written.
func (o object) scan() (findings []string, whole bool, err error) {
	text, err := json.Marshal(o.contents)
	if err != nil {
		return nil, false, err
	}
	var decoded any
	if err := json.Unmarshal(text, &decoded); err != nil {
		return nil, false, err
	}
	hits, whole := sensitive.Scan(decoded)
	for _, h := range hits {
		findings = append(findings, fmt.Sprintf("%s %s (%s)", o.shown(), h.Path, h.Class))
	}
	return findings, whole, nil
}
