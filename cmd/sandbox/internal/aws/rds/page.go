package rds

import (
	"encoding/base64"
	"net/http"
	"strconv"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
)

// paginate cuts a list by MaxRecords (20 to 100) and Marker and returns the
// marker of the next page, "" after the last.
func paginate[T any](q query, list []T, usual int) (page []T, next string, err error) {
	size, err := q.Int("MaxRecords", usual)
	if err != nil {
		return nil, "", err
	}
	if size < 20 || size > 100 {
		return nil, "", invalidValue("Invalid value %d for MaxRecords. Must be between 20 and 100", size)
	}
	start := 0
	if marker := q.Get("Marker"); marker != "" {
		raw, err := base64.RawURLEncoding.DecodeString(marker)
		if err != nil {
			return nil, "", invalidValue("The marker is invalid")
		}
		if start, err = strconv.Atoi(string(raw)); err != nil || start < 0 {
			return nil, "", invalidValue("The marker is invalid")
		}
	}
	start = min(start, len(list))
	end := min(start+size, len(list))
	if end < len(list) {
		next = base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(end)))
	}
	return list[start:end], next, nil
}

// filters reads the filters of a request and refuses those not in allowed.
func filters(q query, allowed ...string) (map[string]map[string]bool, error) {
	found := map[string]map[string]bool{}
	for _, filter := range q.Structs("Filters") {
		name := filter.Get("Name")
		known := false
		for _, candidate := range allowed {
			known = known || candidate == name
		}
		if !known {
			return nil, invalidValue("Unrecognized filter name: %s", name)
		}
		values := map[string]bool{}
		for _, value := range filter.Strings("Values") {
			values[value] = true
		}
		if len(values) == 0 {
			return nil, invalidCombination("Filter %s has no values", name)
		}
		found[name] = values
	}
	return found, nil
}

// only refuses parameters the sandbox does not act upon, rather than to pretend.
func only(q query, known map[string]bool) error {
	for _, name := range q.Names() {
		if first := firstPart(name); !known[first] {
			return wire.Errorf(http.StatusNotImplemented, "NotImplemented",
				"the sandbox does not know the parameter %s of %s", first, q.Get("Action"))
		}
	}
	return nil
}

func firstPart(name string) string {
	for i, c := range name {
		if c == '.' {
			return name[:i]
		}
	}
	return name
}

func names(list ...string) map[string]bool {
	set := map[string]bool{"Action": true, "Version": true}
	for _, name := range list {
		set[name] = true
	}
	return set
}
