package tenantdata

import (
	"testing"

	"k8s.io/apimachinery/pkg/types"
)

func TestOnlyWhatIsThereAndUnchangedIsRemembered(t *testing.T) {
	t.Parallel()
	r := &resource{clean: map[string]map[types.UID]string{}}
	r.remember("p", map[types.UID]string{"a": "1", "b": "1"})
	r.remember("q", map[types.UID]string{"c": "1"})
	r.remember("p", map[types.UID]string{"a": "2"})
	if got := r.known("p"); len(got) != 1 || got["a"] != "2" {
		t.Errorf("of the platform is remembered %v", got)
	}
	if got := r.known("q"); len(got) != 1 {
		t.Errorf("of the other platform is remembered %v", got)
	}
}
