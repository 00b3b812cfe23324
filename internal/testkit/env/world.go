package env

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// volatile are the parts of an inventory that differ between two accounts that hold the same: account
// numbers, IDs that AWS makes up, and times.
var volatile = []struct {
	pattern *regexp.Regexp
	mask    string
}{
	{regexp.MustCompile(`\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?`), "TIME"},
	{regexp.MustCompile(`\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b`), "UUID"},
	{regexp.MustCompile(`\b(sg|sgr|vpc|subnet|i|eni|rtb|igw|acl|vol)-[0-9a-f]{8,17}\b`), "$1-ID"},
	{regexp.MustCompile(`\bdb-[0-9A-Z]{12,}\b`), "db-ID"},
	{regexp.MustCompile(`\b(AROA|ASIA|AIDA|ANPA)[0-9A-Z]{12,}\b`), "$1"},
	{regexp.MustCompile(`\b\d{12}\b`), "ACCOUNT"},
	{regexp.MustCompile(`\.[a-z0-9]{12}\.([a-z0-9-]+)\.rds\.amazonaws\.com`), ".HOST.$1.rds.amazonaws.com"},
}

// World returns what the account holds, in a form that is the same for all accounts that hold the
// same. Names are pairs, as of strings.NewReplacer: what only this account's things are called, and
// what stands for it.
func (a *Account) World(t testing.TB, names ...string) string {
	t.Helper()
	text, err := json.MarshalIndent(canonical(a.Inventory(t), strings.NewReplacer(names...)), "", " ")
	if err != nil {
		t.Fatalf("writing the inventory: %v", err)
	}
	return string(text)
}

// canonical masks what differs between accounts and sorts every list by what is left.
func canonical(value any, names *strings.Replacer) any {
	switch v := value.(type) {
	case string:
		v = names.Replace(v)
		for _, m := range volatile {
			v = m.pattern.ReplaceAllString(v, m.mask)
		}
		return v
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = canonical(v[i], names)
		}
		slices.SortFunc(list, func(a, b any) int { return slices.Compare(textOf(a), textOf(b)) })
		return list
	case map[string]any:
		// A list of pairs, since keys that are IDs become the same.
		object := map[string]any{}
		for key, item := range v {
			name, _ := canonical(key, names).(string)
			if have, twice := object[name]; twice {
				item = []any{have, item}
			}
			object[name] = canonical(item, names)
		}
		return object
	default:
		return value
	}
}

func textOf(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		return nil // a value that was read from JSON can be written
	}
	return text
}
