package acceptance

import (
	"bytes"
	"net/http"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/service"
)

// unknown is the unknown calls of the account that the sandbox reports.
func (a *account) unknown() []service.Refused {
	a.t.Helper()
	var list []service.Refused
	a.get("/unknown?account="+a.id, &list)
	return list
}

// sign calls a service that no client here is for, as the account's administrator.
func (a *account) sign(name, method, path, target string) (status int, body string) {
	a.t.Helper()
	request, err := http.NewRequestWithContext(a.t.Context(), method, running.AWS+path, bytes.NewReader([]byte("{}")))
	if err != nil {
		a.t.Fatal(err)
	}
	if target != "" {
		request.Header.Set("X-Amz-Target", target)
		request.Header.Set("Content-Type", "application/x-amz-json-1.1")
	}
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+a.id+"/20260101/"+region+"/"+name+
		"/aws4_request, SignedHeaders=host, Signature=none")
	response, err := running.client.Do(request)
	if err != nil {
		a.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var content bytes.Buffer
	if _, err := content.ReadFrom(response.Body); err != nil {
		a.t.Fatal(err)
	}
	return response.StatusCode, content.String()
}

func TestUnknownServicesAndOperationsAreRefusedAndReported(t *testing.T) {
	t.Parallel()
	a := newAccount(t, nil).seed()
	_, err := a.rds.DescribeDBClusters(t.Context(), &rds.DescribeDBClustersInput{})
	wantCode(t, err, "InvalidAction")
	_, err = a.kms.GenerateRandom(t.Context(), &kms.GenerateRandomInput{})
	wantCode(t, err, "UnknownOperationException")
	_, err = a.ec2.DescribeHosts(t.Context(), &ec2.DescribeHostsInput{})
	wantCode(t, err, "InvalidAction")
	_, err = a.sts.GetFederationToken(t.Context(), &sts.GetFederationTokenInput{Name: new("someone")})
	wantCode(t, err, "InvalidAction")
	_, err = a.tags.GetTagKeys(t.Context(), &resourcegroupstaggingapi.GetTagKeysInput{})
	wantCode(t, err, "UnknownOperationException")
	if status, body := a.sign("magic", http.MethodPost, "/", "Magic.Conjure"); status != http.StatusBadRequest ||
		!bytes.Contains([]byte(body), []byte("UnknownOperationException")) {
		t.Errorf("an unknown JSON service: status %d: %s", status, body)
	}
	if status, body := a.sign("s3", http.MethodPut, "/bucket", ""); status != http.StatusNotFound {
		t.Errorf("an unknown REST service: status %d: %s", status, body)
	}
	want := []service.Refused{}
	for _, u := range []service.Unknown{
		{Service: "ec2", Operation: "DescribeHosts", Missing: "operation"},
		{Service: "kms", Operation: "GenerateRandom", Missing: "operation"},
		{Service: "magic", Operation: "Conjure", Missing: "service"},
		{Service: "rds", Operation: "DescribeDBClusters", Missing: "operation"},
		{Service: "s3", Operation: "PUT /bucket", Missing: "service"},
		{Service: "sts", Operation: "GetFederationToken", Missing: "operation"},
		{Service: "tagging", Operation: "GetTagKeys", Missing: "operation"},
	} {
		u.Account = a.id
		want = append(want, service.Refused{Unknown: u, Count: 1})
	}
	if diff := cmp.Diff(want, a.unknown()); diff != "" {
		t.Error("reported (-want +got):\n" + diff)
	}
	a.admin(http.MethodDelete, "/unknown?account="+a.id, nil, nil)
	if list := a.unknown(); len(list) != 0 {
		t.Errorf("after they were forgotten: %v", list)
	}
}

func TestEveryServiceIsRegisteredWhole(t *testing.T) {
	t.Parallel()
	a := newAccount(t, nil).seed()
	var services []service.Registration
	a.get("/services", &services)
	inventory := a.world()
	var names []string
	for _, s := range services {
		names = append(names, s.Name)
		for _, operation := range s.Operations {
			if !operation.Needs {
				t.Errorf("%s:%s does not declare what it needs", s.Name, operation.Name)
			}
		}
		for _, list := range s.Inventory {
			if _, ok := inventory[list]; !ok {
				t.Errorf("the inventory has no %s of %s", list, s.Name)
			}
			delete(inventory, list)
		}
		if c := s.Codes; c.Throttled == "" || c.Internal == "" || c.Denied == "" || c.Invalid == "" {
			t.Errorf("%s lacks codes: %+v", s.Name, c)
		}
	}
	if len(inventory) != 0 {
		t.Errorf("lists of no service: %v", inventory)
	}
	if want := []string{"ec2", "iam", "kms", "logs", "rds", "sts", "tagging"}; !slices.Equal(names, want) {
		t.Errorf("services %v, want %v", names, want)
	}
}
