package policy_test

import (
	"strings"
	"testing"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/policy"
)

// keys are the condition keys of every request below.
var keys = map[string][]string{
	"aws:principaltag/tenant": {"t1"}, "aws:resourcetag/tenant": {"t1"}, "aws:requesttag/tenant": {"t2"},
	"aws:tagkeys": {"tenant", "name"}, "aws:principalarn": {"arn:aws:iam::111122223333:role/app"},
	"aws:sourceip": {"10.1.2.3"}, "aws:securetransport": {"true"}, "s:days": {"7"}, "aws:currenttime": {"2026-06-01T00:00:00Z"},
}

func TestEvaluate(t *testing.T) {
	t.Parallel()
	const star = `"Effect":"Allow","Action":"*","Resource":"*"`
	for name, test := range map[string]struct {
		statements string // joined into a document
		want       policy.Decision
	}{
		"everything is allowed":                    {`{` + star + `}`, policy.Allow},
		"the exact action":                         {`{"Effect":"Allow","Action":"rds:ModifyDBInstance","Resource":"*"}`, policy.Allow},
		"an action in another case":                {`{"Effect":"Allow","Action":"RDS:modifydbinstance","Resource":"*"}`, policy.Allow},
		"an action by wildcard":                    {`{"Effect":"Allow","Action":["kms:*","rds:Modify*"],"Resource":"*"}`, policy.Allow},
		"an action by question marks":              {`{"Effect":"Allow","Action":"rds:ModifyDB????????","Resource":"*"}`, policy.Allow},
		"another action":                           {`{"Effect":"Allow","Action":"rds:Describe*","Resource":"*"}`, policy.Silent},
		"all but another action":                   {`{"Effect":"Allow","NotAction":"rds:Describe*","Resource":"*"}`, policy.Allow},
		"all but this action":                      {`{"Effect":"Allow","NotAction":"rds:Modify*","Resource":"*"}`, policy.Silent},
		"a resource by wildcard":                   {`{"Effect":"Allow","Action":"*","Resource":"arn:aws:rds:*:*:db:orders*"}`, policy.Allow},
		"a resource in another case":               {`{"Effect":"Allow","Action":"*","Resource":"arn:aws:rds:*:*:db:ORDERS-t1"}`, policy.Silent},
		"another resource":                         {`{"Effect":"Allow","Action":"*","Resource":"arn:aws:rds:*:*:db:users"}`, policy.Silent},
		"all but this resource":                    {`{"Effect":"Allow","Action":"*","NotResource":"arn:aws:rds:*:*:db:orders-t1"}`, policy.Silent},
		"a resource by variable":                   {`{"Effect":"Allow","Action":"*","Resource":"arn:aws:rds:*:*:db:orders-${aws:PrincipalTag/tenant}"}`, policy.Allow},
		"a resource by a variable without value":   {`{"Effect":"Allow","Action":"*","Resource":"*${aws:username}"}`, policy.Silent},
		"a variable with a default":                {`{"Effect":"Allow","Action":"*","Resource":"*${aws:username, 't1'}"}`, policy.Allow},
		"a dot in a pattern is a dot":              {`{"Effect":"Allow","Action":"*","Resource":"arn.aws.rds:*"}`, policy.Silent},
		"a denial wins over what comes later":      {`{"Effect":"Deny","Action":"rds:*","Resource":"*"},{` + star + `}`, policy.Deny},
		"a denial of something else does not":      {`{` + star + `},{"Effect":"Deny","Action":"kms:*","Resource":"*"}`, policy.Allow},
		"equal to a variable":                      {condition(`"StringEquals":{"aws:ResourceTag/tenant":"${aws:PrincipalTag/tenant}"}`), policy.Allow},
		"not equal to a variable":                  {condition(`"StringEquals":{"aws:RequestTag/tenant":"${aws:PrincipalTag/tenant}"}`), policy.Silent},
		"equal, whatever the key's case":           {condition(`"StringEquals":{"AWS:resourcetag/Tenant":"t1"}`), policy.Allow},
		"equal to one of several":                  {condition(`"StringEquals":{"aws:ResourceTag/tenant":["t0","t1"]}`), policy.Allow},
		"equal, but the key is absent":             {condition(`"StringEquals":{"aws:ResourceTag/none":"t1"}`), policy.Silent},
		"equal if the key exists, and it does not": {condition(`"StringEqualsIfExists":{"aws:ResourceTag/none":"t1"}`), policy.Allow},
		"equal if the key exists, and it differs":  {condition(`"StringEqualsIfExists":{"aws:ResourceTag/tenant":"t2"}`), policy.Silent},
		"unequal":                                  {condition(`"StringNotEquals":{"aws:ResourceTag/tenant":"t2"}`), policy.Allow},
		"unequal to one of several":                {condition(`"StringNotEquals":{"aws:ResourceTag/tenant":["t2","t1"]}`), policy.Silent},
		"unequal, and the key is absent":           {condition(`"StringNotEquals":{"aws:ResourceTag/none":"t1"}`), policy.Allow},
		"like":                                     {condition(`"StringLike":{"aws:ResourceTag/tenant":"t?"}`), policy.Allow},
		"equals takes no wildcard":                 {condition(`"StringEquals":{"aws:ResourceTag/tenant":"t?"}`), policy.Silent},
		"an ARN by wildcard":                       {condition(`"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/app"}`), policy.Allow},
		"null: absent":                             {condition(`"Null":{"aws:ResourceTag/none":"true"}`), policy.Allow},
		"null: present":                            {condition(`"Null":{"aws:ResourceTag/tenant":"true"}`), policy.Silent},
		"all keys are allowed ones":                {condition(`"ForAllValues:StringEquals":{"aws:TagKeys":["tenant","name","more"]}`), policy.Allow},
		"one key is not an allowed one":            {condition(`"ForAllValues:StringEquals":{"aws:TagKeys":["tenant"]}`), policy.Silent},
		"any key is the wanted one":                {condition(`"ForAnyValue:StringEquals":{"aws:TagKeys":["name"]}`), policy.Allow},
		"bool":                                     {condition(`"Bool":{"aws:SecureTransport":true}`), policy.Allow},
		"bool, and it is not":                      {condition(`"Bool":{"aws:SecureTransport":"false"}`), policy.Silent},
		"an address in the network":                {condition(`"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}`), policy.Allow},
		"an address outside of it":                 {condition(`"NotIpAddress":{"aws:SourceIp":"10.0.0.0/8"}`), policy.Silent},
		"a number at least":                        {condition(`"NumericGreaterThanEquals":{"s:days":7}`), policy.Allow},
		"a number greater":                         {condition(`"NumericGreaterThan":{"s:days":7}`), policy.Silent},
		"a date before":                            {condition(`"DateLessThan":{"aws:CurrentTime":"2027-01-01T00:00:00Z"}`), policy.Allow},
		"all lines of a condition must hold":       {condition(`"StringLike":{"aws:ResourceTag/tenant":"t*","aws:RequestTag/tenant":"t1"}`), policy.Silent},
		"an unknown operator allows nothing":       {condition(`"StringSmells":{"aws:ResourceTag/tenant":"t1"}`), policy.Silent},
		"an unknown operator holds no denial back": {`{` + star + `},{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringSmells":{"a":"b"}}}`, policy.Deny},
		"the principal by its ARN":                 {principal(`{"AWS":"arn:aws:iam::111122223333:role/app"}`), policy.Allow},
		"the principal by everybody":               {principal(`"*"`), policy.Allow},
		"another principal":                        {principal(`{"AWS":["arn:aws:iam::999999999999:root"]}`), policy.Silent},
		"all but this principal":                   {`{"Effect":"Allow","NotPrincipal":{"AWS":"arn:aws:iam::111122223333:role/app"},"Action":"*"}`, policy.Silent},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			document, err := policy.Parse(`{"Version":"2012-10-17","Statement":[` + test.statements + `]}`)
			if err != nil {
				t.Fatal(err)
			}
			got := document.Evaluate(policy.Request{
				Action: "rds:ModifyDBInstance", Resource: "arn:aws:rds:eu-central-1:111122223333:db:orders-t1",
				Principal: []string{"arn:aws:iam::111122223333:role/app"}, Keys: func(name string) []string { return keys[name] },
			})
			if got != test.want {
				t.Errorf("decision %d, want %d", got, test.want)
			}
		})
	}
}

func condition(lines string) string {
	return `{"Effect":"Allow","Action":"*","Resource":"*","Condition":{` + lines + `}}`
}

func principal(who string) string { return `{"Effect":"Allow","Principal":` + who + `,"Action":"*"}` }

func TestAny(t *testing.T) {
	t.Parallel()
	parse := func(effect string) policy.Document {
		document, err := policy.Parse(`{"Statement":{"Effect":"` + effect + `","Action":"a:b","Resource":"*"}}`)
		if err != nil {
			t.Fatal(err)
		}
		return document
	}
	request := policy.Request{Action: "a:b", Resource: "r", Keys: func(string) []string { return nil }}
	for name, test := range map[string]struct {
		documents []policy.Document
		want      policy.Decision
	}{
		"none":              {nil, policy.Silent},
		"one allows":        {[]policy.Document{parse("Allow")}, policy.Allow},
		"one of two denies": {[]policy.Document{parse("Deny"), parse("Allow")}, policy.Deny},
	} {
		if got := policy.Any(test.documents, request); got != test.want {
			t.Errorf("%s: %d, want %d", name, got, test.want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ text, want string }{
		"no JSON":                {`{`, "parse policy"},
		"no statement":           {`{"Version":"2012-10-17"}`, "no statement"},
		"an effect that is none": {`{"Statement":[{"Effect":"Maybe","Action":"*"}]}`, "Maybe"},
		"no action":              {`{"Statement":[{"Effect":"Allow","Resource":"*"}]}`, "Action"},
		"both kinds of action":   {`{"Statement":[{"Effect":"Allow","Action":"a","NotAction":"b"}]}`, "Action"},
		"a statement of text":    {`{"Statement":["allow"]}`, "parse policy"},
	} {
		if _, err := policy.Parse(test.text); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}
