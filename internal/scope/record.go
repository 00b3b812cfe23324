package scope

import (
	"slices"
	"strings"
)

// Record identifies one database for ever: the account and region it was observed in, and its resource
// ID, which AWS never gives twice.
type Record struct {
	AccountID, Region, ResourceID string
}

// String returns account/region/resource ID, or "" for the zero record.
func (r Record) String() string {
	if r == (Record{}) {
		return ""
	}
	return r.AccountID + "/" + r.Region + "/" + r.ResourceID
}

// ParseRecord reads what String wrote. A text that is not empty and not a record is kept whole as the
// resource ID: a damaged record must never read as "nothing was recorded".
func ParseRecord(s string) Record {
	parts := strings.Split(s, "/")
	if len(parts) != 3 || slices.Contains(parts, "") {
		return Record{ResourceID: s}
	}
	return Record{AccountID: parts[0], Region: parts[1], ResourceID: parts[2]}
}
