package state

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/stripe/object"
)

// The sizes of pages.
const (
	usualPage   = 10
	largestPage = 100
)

func pageSize(params object.Object) (int, *Error) {
	limit, given := params["limit"].(int)
	switch {
	case !given:
		return usualPage, nil
	case limit < 1:
		return 0, refuse("limit", "parameter_invalid_integer", "This value must be greater than or equal to 1.")
	case limit > largestPage:
		return 0, refuse("limit", "parameter_invalid_integer", "Invalid limit: must be at most %d", largestPage)
	}
	return limit, nil
}

// page is a part of a list that is in order, newest first.
func page[T, R any](url string, params object.Object, all []T, id func(T) string, show func(T) R) (object.Object, *Error) {
	limit, failure := pageSize(params)
	if failure != nil {
		return nil, failure
	}
	after, before := object.Text(params, "starting_after"), object.Text(params, "ending_before")
	find := func(cursor string) int { return slices.IndexFunc(all, func(one T) bool { return id(one) == cursor }) }
	more := false
	switch {
	case after != "" && find(after) < 0:
		return nil, missing("object", after)
	case before != "" && find(before) < 0:
		return nil, missing("object", before)
	case before != "":
		all = all[:find(before)]
		more = len(all) > limit
		all = all[max(0, len(all)-limit):]
	default:
		all = all[find(after)+1:] // all of it without a cursor
		more = len(all) > limit
		all = all[:min(limit, len(all))]
	}
	data := make([]R, len(all))
	for i, one := range all {
		data[i] = show(one)
	}
	return object.Object{"object": "list", "data": data, "has_more": more, "url": url}, nil
}

// inRange reports whether a moment is what was requested: one, or a range.
func inRange(wanted any, seconds int64) bool {
	switch wanted := wanted.(type) {
	case int:
		return int64(wanted) == seconds
	case object.Object:
		for name, holds := range map[string]func(limit int64) bool{
			"gt": func(limit int64) bool { return seconds > limit }, "gte": func(limit int64) bool { return seconds >= limit },
			"lt": func(limit int64) bool { return seconds < limit }, "lte": func(limit int64) bool { return seconds <= limit },
		} {
			if limit, given := integer(wanted[name]); given && !holds(limit) {
				return false
			}
		}
	}
	return true
}

func integer(value any) (int64, bool) {
	switch value := value.(type) {
	case int:
		return int64(value), true
	case string:
		number, err := strconv.ParseInt(value, 10, 64)
		return number, err == nil
	}
	return 0, false
}

// List is a page of the platform's accounts, newest first, as they were when
// writes a lag ago had been written; stale as long before.
func (w *World) List(s *Space, params object.Object, stale bool) (any, *Error) {
	limit, failure := pageSize(params)
	if failure != nil {
		return nil, failure
	}
	cut := listing{params: params, at: w.now().Add(-time.Duration(w.SettingsOf(s.ID).ListLag)), stale: stale, want: limit + 1}
	cut.keep = cut.at.Add(-versionsKept)
	from, step := len(s.accounts)-1, -1
	for name, direction := range map[string]int{"starting_after": -1, "ending_before": 1} {
		cursor := object.Text(params, name)
		if cursor == "" {
			continue
		}
		a := w.accounts[cursor]
		if a == nil || a.space != s {
			failure := missing("account", cursor)
			failure.Param, failure.Status = name, http.StatusBadRequest
			return nil, failure
		}
		from, step = a.at+direction, direction
	}
	for i := from; i >= 0 && i < len(s.accounts) && len(cut.found) < cut.want; i += step {
		cut.take(s.accounts[i])
	}
	more := len(cut.found) > limit
	found := cut.found[:min(limit, len(cut.found))]
	if step > 0 {
		slices.Reverse(found)
	}
	return struct {
		Object string            `json:"object"`
		Data   []json.RawMessage `json:"data"`
		More   bool              `json:"has_more"`
		URL    string            `json:"url"`
	}{"list", found, more, "/v1/accounts"}, nil
}

// listing is a list on its way.
type listing struct {
	params   object.Object
	at, keep time.Time
	stale    bool
	want     int
	found    []json.RawMessage
}

func (l *listing) take(a *Account) {
	created, _ := a.doc["created"].(int64)
	if !inRange(l.params["created"], created) {
		return
	}
	a.trim(l.keep)
	body := a.asOf(l.at)
	if l.stale {
		body = nil
		if len(a.versions) > 1 {
			body = a.versions[len(a.versions)-2].body
		}
	}
	if body != nil {
		l.found = append(l.found, body)
	}
}
