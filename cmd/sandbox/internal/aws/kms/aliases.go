package kms

import (
	"encoding/base64"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/identity"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/versions"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
)

var aliasName = regexp.MustCompile(`^alias/[a-zA-Z0-9/_-]{1,250}$`)

func (r *region) putAlias(name, key string) {
	alias, known := r.aliases.Get(name, versions.View{})
	if !known {
		alias = Alias{Name: name, ARN: r.arn(name), Created: r.now()}
	}
	alias.KeyID, alias.Updated = key, r.now()
	r.aliases.Put(name, alias, versions.Write)
}

func (r *region) createAlias(_ identity.Call, in input) (any, error) {
	switch {
	case !aliasName.MatchString(in.AliasName):
		return nil, wire.Errorf(http.StatusBadRequest, "InvalidAliasNameException", "Invalid alias name: %s", in.AliasName)
	case strings.HasPrefix(in.AliasName, "alias/aws/"):
		return nil, wire.Errorf(http.StatusBadRequest, "NotAuthorizedException", "Aliases that begin with alias/aws/ are reserved.")
	}
	if _, exists := r.aliases.Get(in.AliasName, versions.View{}); exists {
		return nil, wire.Errorf(http.StatusBadRequest, "AlreadyExistsException", "An alias with the name %s already exists", r.arn(in.AliasName))
	}
	key, err := r.usable(in.TargetKeyID)
	if err != nil {
		return nil, err
	}
	r.putAlias(in.AliasName, key.ID)
	return nil, nil
}

func (r *region) updateAlias(_ identity.Call, in input) (any, error) {
	if _, exists := r.aliases.Get(in.AliasName, versions.View{}); !exists {
		return nil, notFound("Alias %s is not found.", r.arn(in.AliasName))
	}
	key, err := r.usable(in.TargetKeyID)
	if err != nil {
		return nil, err
	}
	r.putAlias(in.AliasName, key.ID)
	return nil, nil
}

func (r *region) deleteAlias(_ identity.Call, in input) (any, error) {
	if _, exists := r.aliases.Get(in.AliasName, versions.View{}); !exists {
		return nil, notFound("Alias %s is not found.", r.arn(in.AliasName))
	}
	r.aliases.Remove(in.AliasName, versions.Write)
	return nil, nil
}

type aliasEntry struct {
	AliasArn        string
	AliasName       string
	CreationDate    wire.Time
	LastUpdatedDate wire.Time
	TargetKeyID     string `json:"TargetKeyId"`
}

func (r *region) listAliases(call identity.Call, in input) (any, error) {
	only := ""
	if in.KeyID != "" {
		key, err := r.find(in.KeyID, false, versions.View{})
		if err != nil {
			return nil, err
		}
		only = key.ID
	}
	var entries []aliasEntry
	for _, alias := range r.aliases.All(r.listing(call)) {
		if only == "" || alias.KeyID == only {
			entries = append(entries, aliasEntry{alias.ARN, alias.Name, wire.Time(alias.Created), wire.Time(alias.Updated), alias.KeyID})
		}
	}
	page, next, err := paginate(in, entries, 50, 100)
	return struct {
		Aliases    []aliasEntry
		NextMarker string `json:",omitempty"`
		Truncated  bool
	}{page, next, next != ""}, err
}

// paginate cuts a list by Limit and Marker and returns the marker of the next
// page, "" after the last.
func paginate[T any](in input, list []T, usual, most int) (page []T, next string, err error) {
	size := in.Limit
	if size == 0 {
		size = usual
	}
	if size < 1 || size > most {
		return nil, "", invalid("Limit must be between 1 and %d", most)
	}
	start := 0
	if in.Marker != "" {
		raw, err := base64.RawURLEncoding.DecodeString(in.Marker)
		if err != nil {
			return nil, "", wire.Errorf(http.StatusBadRequest, "InvalidMarkerException", "The marker is not valid")
		}
		if start, err = strconv.Atoi(string(raw)); err != nil || start < 0 {
			return nil, "", wire.Errorf(http.StatusBadRequest, "InvalidMarkerException", "The marker is not valid")
		}
	}
	start = min(start, len(list))
	end := min(start+size, len(list))
	if end < len(list) {
		next = base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(end)))
	}
	return append([]T{}, list[start:end]...), next, nil
}
