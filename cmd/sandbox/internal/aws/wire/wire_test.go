package wire_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
)

func request(t *testing.T, method, target, service, contentType, body string) *wire.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	if service != "" {
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=KEY/20260101/eu-central-1/"+service+"/aws4_request, SignedHeaders=host, Signature=0")
	}
	parsed, err := wire.Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

const form = "application/x-www-form-urlencoded; charset=utf-8"

func TestARequestIsRecognisedInEveryProtocol(t *testing.T) {
	t.Parallel()
	withHeader := func(name, value, path string) *wire.Request {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, http.NoBody)
		r.Header.Set(name, value)
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=KEY/20260101/eu-central-1/kms/aws4_request, SignedHeaders=host")
		parsed, err := wire.Parse(r)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	const presigned = "/?Action=GetCallerIdentity&X-Amz-Credential=KEY%2F20260101%2Feu-central-1%2Fsts%2Faws4_request&X-Amz-Security-Token=TOKEN"
	for name, test := range map[string]struct {
		got       *wire.Request
		protocol  wire.Protocol
		operation string
		readOnly  bool
	}{
		"query":           {request(t, http.MethodPost, "/", "rds", form, "Action=CreateDBInstance"), wire.Query, "CreateDBInstance", false},
		"EC2 query":       {request(t, http.MethodPost, "/", "ec2", form, "Action=DescribeVpcs"), wire.EC2Query, "DescribeVpcs", true},
		"presigned GET":   {request(t, http.MethodGet, presigned, "", "", ""), wire.Query, "GetCallerIdentity", true},
		"JSON":            {withHeader("X-Amz-Target", "TrentService.ListKeys", "/"), wire.JSON, "ListKeys", true},
		"CBOR":            {withHeader("Smithy-Protocol", "rpc-v2-cbor", "/service/TrentService/operation/CreateKey"), wire.CBOR, "CreateKey", false},
		"REST":            {request(t, http.MethodPut, "/bucket", "s3", "", ""), wire.REST, "PUT /bucket", false},
		"REST that reads": {request(t, http.MethodGet, "/bucket", "s3", "", ""), wire.REST, "GET /bucket", true},
		"assuming a role": {request(t, http.MethodPost, "/", "sts", form, "Action=AssumeRole"), wire.Query, "AssumeRole", true},
	} {
		if test.got.Protocol != test.protocol || test.got.Operation != test.operation || test.got.ReadOnly() != test.readOnly ||
			test.got.AccessKey != "KEY" || test.got.Region != "eu-central-1" {
			t.Errorf("%s: %+v", name, test.got)
		}
	}
	if got := request(t, http.MethodGet, presigned, "", "", ""); got.Token != "TOKEN" {
		t.Errorf("token of a presigned request: %q", got.Token)
	}
}

func TestAnErrorIsWrittenInTheProtocolOfTheRequest(t *testing.T) {
	t.Parallel()
	failure := wire.Errorf(http.StatusNotFound, "NoSuchThing", "no <thing> & nothing")
	for name, test := range map[string]struct {
		request *wire.Request
		want    string
	}{
		"query":    {request(t, http.MethodPost, "/", "rds", form, "Action=X"), `<ErrorResponse xmlns="http://rds.amazonaws.com/doc/2014-10-31/"><Error><Type>Sender</Type><Code>NoSuchThing</Code><Message>no &lt;thing&gt; &amp; nothing</Message>`},
		"EC2":      {request(t, http.MethodPost, "/", "ec2", form, "Action=X"), `<Response><Errors><Error><Code>NoSuchThing</Code>`},
		"S3":       {request(t, http.MethodGet, "/bucket", "s3", "", ""), `<Error><Code>NoSuchThing</Code>`},
		"Route 53": {request(t, http.MethodGet, "/2013-04-01/hostedzone", "route53", "", ""), `<ErrorResponse`},
		"REST":     {request(t, http.MethodGet, "/2017-08-29/jobs", "mediaconvert", "", ""), `{"message":"no \u003cthing\u003e`},
	} {
		answer := test.request.Fail(failure)
		if answer.Status != http.StatusNotFound || !strings.Contains(string(answer.Body), test.want) {
			t.Errorf("%s: status %d, %s", name, answer.Status, answer.Body)
		}
	}
	answer := request(t, http.MethodPost, "/", "rds", form, "Action=X").Fail(errors.New("disk full"))
	if answer.Status != http.StatusInternalServerError || !strings.Contains(string(answer.Body), "<Type>Receiver</Type><Code>InternalFailure</Code>") {
		t.Errorf("a failure of the sandbox: status %d, %s", answer.Status, answer.Body)
	}
}

func TestFormsAreRead(t *testing.T) {
	t.Parallel()
	values, err := url.ParseQuery("A=x&B=true&N=12&Bad=x1&L.member.2=two&L.member.10=ten&L.member.1=one&Flat.1=f&" +
		"Tags.Tag.1.Key=k&Tags.Tag.1.Value=v&Tags.Tag.2.Key=k2&Deep.1.Inner.Item.1=i&Lx.1=other")
	if err != nil {
		t.Fatal(err)
	}
	f := wire.NewForm(values)
	if got := f.Strings("L"); !slices.Equal(got, []string{"one", "two", "ten"}) {
		t.Errorf("list %v", got)
	}
	if got := f.Strings("Flat"); !slices.Equal(got, []string{"f"}) {
		t.Errorf("flat list %v", got)
	}
	tags := f.Structs("Tags")
	if len(tags) != 2 || tags[0].Get("Key") != "k" || tags[0].Get("Value") != "v" || tags[1].Has("Value") {
		t.Errorf("structures %+v", tags)
	}
	if got := f.Structs("Deep")[0].Strings("Inner"); !slices.Equal(got, []string{"i"}) {
		t.Errorf("list in a structure %v", got)
	}
	if !f.Bool("B", false) || f.Bool("None", false) || !f.Bool("None", true) || f.Bool("A", true) {
		t.Error("booleans are misread")
	}
	if n, err := f.Int("N", 0); n != 12 || err != nil {
		t.Errorf("number %d, %v", n, err)
	}
	if n, err := f.Int("None", 7); n != 7 || err != nil {
		t.Errorf("absent number %d, %v", n, err)
	}
	if _, err := f.Int("Bad", 0); err == nil {
		t.Error("a number that is none was read")
	}
	if f.HasAny("Lz") || !f.HasAny("L") || !f.HasAny("A") {
		t.Error("presence is misread")
	}
}
