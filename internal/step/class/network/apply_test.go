package network

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/google/go-cmp/cmp"

	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// maker answers for RDS when a group is created.
type maker struct {
	API
	answer  error
	tags    map[string]string
	subnets []string
}

func (m *maker) CreateDBSubnetGroup(
	_ context.Context, in *rds.CreateDBSubnetGroupInput, _ ...func(*rds.Options),
) (*rds.CreateDBSubnetGroupOutput, error) {
	m.tags, m.subnets = map[string]string{}, in.SubnetIds
	for _, tag := range in.Tags {
		m.tags[*tag.Key] = *tag.Value
	}
	return &rds.CreateDBSubnetGroupOutput{}, m.answer
}

func TestAGroupThatIsThereAlreadyIsLeftToTheNextPass(t *testing.T) {
	t.Parallel()
	owner := naming.Class{Installation: "i", Name: "standard"}
	network := aws.Network{VPCID: vpc, Subnets: []aws.Subnet{private("subnet-0000000a", "a"), private("subnet-0000000b", "b")}}
	for name, c := range map[string]struct {
		answer error
		class  fault.Class
		fails  bool
	}{
		"created":                  {nil, fault.Transient, false},
		"there already":            {&rdstypes.DBSubnetGroupAlreadyExistsFault{}, fault.Transient, false},
		"one more than AWS allows": {&rdstypes.DBSubnetGroupQuotaExceededFault{}, fault.Denied, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := &maker{answer: c.answer}
			err := create(t.Context(), api, &scope.Class{Owner: owner}, State{Name: "g"}, network)
			if (err != nil) != c.fails || err != nil && fault.ClassOf(err) != c.class {
				t.Errorf("got %v", err)
			}
			if diff := cmp.Diff(owner.Tags(), api.tags); diff != "" {
				t.Errorf("tags (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{"subnet-0000000a", "subnet-0000000b"}, api.subnets); diff != "" {
				t.Errorf("subnets (-want +got):\n%s", diff)
			}
		})
	}
}
