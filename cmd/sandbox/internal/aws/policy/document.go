// Package policy evaluates IAM policy documents: identity policies, session
// policies, permissions boundaries and trust policies.
package policy

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Document is a parsed policy.
type Document struct {
	Statements []Statement
}

// Statement is one of its statements.
type Statement struct {
	Sid          string
	Effect       string
	Principal    principals
	NotPrincipal principals
	Action       texts
	NotAction    texts
	Resource     texts
	NotResource  texts
	Condition    map[string]map[string]texts
}

// texts is a string or a list of strings.
type texts []string

// UnmarshalJSON accepts both forms, and plain booleans and numbers, which
// conditions may hold.
func (t *texts) UnmarshalJSON(data []byte) error {
	var many []json.RawMessage
	if err := json.Unmarshal(data, &many); err != nil {
		many = []json.RawMessage{data}
	}
	for _, raw := range many {
		var text string
		if err := json.Unmarshal(raw, &text); err != nil {
			text = string(raw)
		}
		*t = append(*t, text)
	}
	return nil
}

// principals is "*" or lists by kind: AWS, Service, Federated.
type principals map[string]texts

// UnmarshalJSON accepts both forms.
func (p *principals) UnmarshalJSON(data []byte) error {
	var all string
	if err := json.Unmarshal(data, &all); err == nil {
		*p = principals{"AWS": {all}}
		return nil
	}
	var kinds map[string]texts
	if err := json.Unmarshal(data, &kinds); err != nil {
		return fmt.Errorf("principal: %w", err)
	}
	*p = kinds
	return nil
}

// Parse reads a policy document.
func Parse(text string) (Document, error) {
	var raw struct {
		Version   string
		Statement json.RawMessage
	}
	if err := json.Unmarshal([]byte(text), &raw); err != nil {
		return Document{}, fmt.Errorf("parse policy: %w", err)
	}
	if len(raw.Statement) == 0 {
		return Document{}, errors.New("parse policy: it has no statement")
	}
	var document Document
	if err := json.Unmarshal(raw.Statement, &document.Statements); err != nil {
		var one Statement
		if err := json.Unmarshal(raw.Statement, &one); err != nil {
			return Document{}, fmt.Errorf("parse policy: %w", err)
		}
		document.Statements = []Statement{one}
	}
	for i, statement := range document.Statements {
		if err := statement.validate(); err != nil {
			return Document{}, fmt.Errorf("parse policy: statement %d: %w", i+1, err)
		}
	}
	return document, nil
}

func (s Statement) validate() error {
	if s.Effect != "Allow" && s.Effect != "Deny" {
		return fmt.Errorf("effect %q is neither Allow nor Deny", s.Effect)
	}
	if (s.Action == nil) == (s.NotAction == nil) {
		return errors.New("it needs exactly one of Action and NotAction")
	}
	return nil
}
