package kms

import (
	"slices"
	"strings"
	"time"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
)

// The states of a key.
const (
	enabled         = "Enabled"
	disabled        = "Disabled"
	pendingDeletion = "PendingDeletion"
)

// Key is a KMS key. It is a value: a change is a changed copy.
type Key struct {
	ID          string
	ARN         string
	Account     string
	Description string
	State       string
	Managed     bool // by AWS, not by the customer
	Created     time.Time
	Deletion    time.Time // when it will be gone, while it is pending deletion
	Policy      string
	Rotation    int // days; 0 is off
	NextRotated time.Time
	Tags        []Tag
}

// Tag is a tag as KMS writes it.
type Tag struct {
	Key   string `json:"TagKey"`
	Value string `json:"TagValue"`
}

// TagMap is the tags by key.
func (k Key) TagMap() map[string]string {
	tags := make(map[string]string, len(k.Tags))
	for _, t := range k.Tags {
		tags[t.Key] = t.Value
	}
	return tags
}

// Alias is a name for a key.
type Alias struct {
	Name    string
	ARN     string
	KeyID   string
	Created time.Time
	Updated time.Time
}

// metadata is a key as DescribeKey shows it.
type metadata struct {
	AWSAccountID          string     `json:"AWSAccountId"`
	Arn                   string     `json:"Arn"`
	CreationDate          wire.Time  `json:"CreationDate"`
	CustomerMasterKeySpec string     `json:"CustomerMasterKeySpec"`
	DeletionDate          *wire.Time `json:"DeletionDate,omitempty"`
	Description           string     `json:"Description"`
	Enabled               bool       `json:"Enabled"`
	EncryptionAlgorithms  []string   `json:"EncryptionAlgorithms"`
	KeyID                 string     `json:"KeyId"`
	KeyManager            string     `json:"KeyManager"`
	KeySpec               string     `json:"KeySpec"`
	KeyState              string     `json:"KeyState"`
	KeyUsage              string     `json:"KeyUsage"`
	MultiRegion           bool       `json:"MultiRegion"`
	Origin                string     `json:"Origin"`
}

type described struct {
	KeyMetadata metadata `json:"KeyMetadata"`
}

func (k Key) describe() described {
	m := metadata{
		AWSAccountID: k.Account, Arn: k.ARN, CreationDate: wire.Time(k.Created), CustomerMasterKeySpec: spec,
		Description: k.Description, Enabled: k.State == enabled, EncryptionAlgorithms: []string{spec}, KeyID: k.ID,
		KeyManager: "CUSTOMER", KeySpec: spec, KeyState: k.State, KeyUsage: usage, Origin: "AWS_KMS",
	}
	if k.Managed {
		m.KeyManager = "AWS"
	}
	if k.State == pendingDeletion {
		deletion := wire.Time(k.Deletion)
		m.DeletionDate = &deletion
	}
	return described{m}
}

const (
	spec  = "SYMMETRIC_DEFAULT"
	usage = "ENCRYPT_DECRYPT"
	// maxTags is how many tags a key may have.
	maxTags = 50
)

func invalid(format string, args ...any) error {
	return wire.Errorf(400, "ValidationException", format, args...)
}

func notFound(format string, args ...any) error {
	return wire.Errorf(400, "NotFoundException", format, args...)
}

// mergeTags puts tags over those there are.
func mergeTags(tags, given []Tag) ([]Tag, error) {
	tags = slices.Clone(tags)
	for _, tag := range given {
		if tag.Key == "" || len(tag.Key) > 128 || len(tag.Value) > 256 || strings.HasPrefix(strings.ToLower(tag.Key), "aws:") {
			return nil, wire.Errorf(400, "TagException", "Tag key or value is not valid: %s", tag.Key)
		}
		if i := slices.IndexFunc(tags, func(t Tag) bool { return t.Key == tag.Key }); i >= 0 {
			tags[i] = tag
			continue
		}
		tags = append(tags, tag)
	}
	if len(tags) > maxTags {
		return nil, wire.Errorf(400, "TagException", "A key has at most %d tags", maxTags)
	}
	return tags, nil
}
