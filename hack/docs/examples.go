package main

import (
	"fmt"
	"os"
	"regexp"

	"sigs.k8s.io/yaml"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
)

var (
	examplePattern = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```")
	kindPattern    = regexp.MustCompile(`(?m)^kind: (\w+)$`)
)

// examples returns a problem for each example of ours on a page that has a field which its kind does
// not have.
func examples(path string) []error {
	text, err := os.ReadFile(path)
	if err != nil {
		return []error{err}
	}
	var problems []error
	for _, example := range examplePattern.FindAllStringSubmatch(string(text), -1) {
		if err := decode(example[1]); err != nil {
			problems = append(problems, fmt.Errorf("%s: an example is wrong: %w", path, err))
		}
	}
	return problems
}

func decode(text string) error {
	kinds := map[string]any{
		"CoachPlatform":  &v1alpha1.CoachPlatform{},
		"PayoutAccount":  &v1alpha1.PayoutAccount{},
		"PlatformClass":  &v1alpha1.PlatformClass{},
		"SecurityReport": &v1alpha1.SecurityReport{},
	}
	kind := kindPattern.FindStringSubmatch(text)
	if kind == nil || kinds[kind[1]] == nil {
		return nil
	}
	return yaml.UnmarshalStrict([]byte(text), kinds[kind[1]])
}
