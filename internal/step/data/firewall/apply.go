package firewall

import (
	"context"
	"errors"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// writer writes for one tenant.
type writer struct {
	api   *ec2.Client
	group *string
}

func (r *resource) writer(in *scope.Platform, groupID string) writer {
	return writer{api: ec2.NewFromConfig(r.sessions.Account(in.Class).Write(in.Tenant)), group: &groupID}
}

// Apply implements converge.Resource.
func (r *resource) Apply(
	ctx context.Context, in *scope.Platform, _ State, got converge.Observation[State], _ []converge.Change,
) error {
	defer r.sessions.Account(in.Class).GroupWritten(got.State.VPCID, in.Tenant.Resource())
	w := r.writer(in, got.State.GroupID)
	if !got.Exists {
		return aws.Classify(w.create(ctx, in, got.State))
	}
	return aws.Classify(w.update(ctx, got.State))
}

// create creates the group, closes the egress that EC2 gives it and opens what is to be open. A crash in between
// leaves differences that the next observation finds. Later steps of this pass use the group by EC2's answer.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html
func (w writer) create(ctx context.Context, in *scope.Platform, got State) error {
	tenant := in.Tenant
	out, err := w.api.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{
		GroupName: awssdk.String(tenant.Resource()), VpcId: &got.VPCID,
		Description: awssdk.String("Who may connect to the database of " + tenant.Resource()),
		TagSpecifications: []ec2types.TagSpecification{
			{ResourceType: ec2types.ResourceTypeSecurityGroup, Tags: tagsOf(tenant.Tags())},
		},
	})
	if aws.IsDuplicate(err) {
		return fault.Wait(v1alpha1.ReasonSettling, 0, "the security group exists already; it is observed again").Because(err)
	}
	if err != nil {
		return err
	}
	w.group = out.GroupId
	in.Firewall = scope.Firewall{GroupID: *w.group}
	if err := w.closeDefault(ctx); err != nil {
		return err
	}
	return w.openAll(ctx, got.Missing)
}

// closeDefault revokes the rule for all egress over IPv4 that EC2 gives to a new group.
// https://docs.aws.amazon.com/vpc/latest/userguide/default-security-group.html
func (w writer) closeDefault(ctx context.Context) error {
	_, err := w.api.RevokeSecurityGroupEgress(ctx, &ec2.RevokeSecurityGroupEgressInput{
		GroupId: w.group, IpPermissions: []ec2types.IpPermission{{
			IpProtocol: awssdk.String("-1"), IpRanges: []ec2types.IpRange{{CidrIp: awssdk.String("0.0.0.0/0")}},
		}},
	})
	if aws.IsRuleGone(err) {
		return nil
	}
	return err
}

// update closes what is too open, and only then opens what is missing.
func (w writer) update(ctx context.Context, got State) error {
	if err := w.close(ctx, got.Surplus, got.Outbound); err != nil {
		return err
	}
	if got.Released != "" {
		_, err := w.api.DeleteTags(ctx, &ec2.DeleteTagsInput{
			Resources: []string{*w.group}, Tags: []ec2types.Tag{{Key: awssdk.String(naming.TagReleased)}},
		})
		if err != nil {
			return err
		}
	}
	return w.openAll(ctx, got.Missing)
}

func (w writer) openAll(ctx context.Context, rules []aws.Rule) error {
	return oneOrAll(rules, func(some []aws.Rule) error { return w.open(ctx, some) }, aws.IsDuplicate)
}

// close revokes rules by their own IDs, which is exact for every kind of peer. If one of the two
// sides fails, the other is closed all the same.
func (w writer) close(ctx context.Context, ingress, egress []aws.Rule) error {
	in := oneOrAll(ingress, func(rules []aws.Rule) error {
		_, err := w.api.RevokeSecurityGroupIngress(ctx, &ec2.RevokeSecurityGroupIngressInput{
			GroupId: w.group, SecurityGroupRuleIds: idsOf(rules),
		})
		return err
	}, aws.IsRuleGone)
	out := oneOrAll(egress, func(rules []aws.Rule) error {
		_, err := w.api.RevokeSecurityGroupEgress(ctx, &ec2.RevokeSecurityGroupEgressInput{
			GroupId: w.group, SecurityGroupRuleIds: idsOf(rules),
		})
		return err
	}, aws.IsRuleGone)
	return errors.Join(in, out)
}

// open authorizes rules. A rule is a range, or a security group in the same or a peered VPC.
func (w writer) open(ctx context.Context, rules []aws.Rule) error {
	var permissions []ec2types.IpPermission
	for _, r := range rules {
		p := ec2types.IpPermission{IpProtocol: &r.Protocol, FromPort: &r.From, ToPort: &r.To}
		if isGroup(r.Peer) {
			p.UserIdGroupPairs = []ec2types.UserIdGroupPair{{GroupId: &r.Peer}}
		} else {
			p.IpRanges = []ec2types.IpRange{{CidrIp: &r.Peer}}
		}
		permissions = append(permissions, p)
	}
	_, err := w.api.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{
		GroupId: w.group, IpPermissions: permissions,
	})
	if len(rules) == 1 && isGroup(rules[0].Peer) && aws.IsNotFound(err) {
		return fault.Wait(v1alpha1.ReasonSecurityGroupNotFound, missingPoll,
			"AWS does not find security group %s from the class's VPC, so it is not opened; it must be in that VPC or in a "+
				"peered one", rules[0].Peer).Because(err)
	}
	return err
}

// oneOrAll sends all rules in one call, and one by one when AWS refuses what is in the call, so that
// one rule that is refused does not hold up the others. An error that is fine means that there is
// nothing to do.
func oneOrAll(rules []aws.Rule, send func([]aws.Rule) error, fine func(error) bool) error {
	if len(rules) == 0 {
		return nil
	}
	err := send(rules)
	switch {
	case err == nil, len(rules) == 1 && fine(err):
		return nil
	case len(rules) == 1, !refused(err):
		return err
	}
	var failed []error
	for i := range rules {
		if err := send(rules[i : i+1]); err != nil && !fine(err) {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// refused says that AWS refused what was in the call, as opposed to the call.
func refused(err error) bool {
	return aws.IsRuleGone(err) || aws.IsDuplicate(err) || fault.ClassOf(aws.Classify(err)) == fault.Invalid
}

// Release implements converge.Resource: the group stays, empty and marked as released.
func (r *resource) Release(ctx context.Context, in *scope.Platform) (bool, error) {
	account := r.sessions.Account(in.Class)
	network, err := account.Network(ctx, in.Class, false)
	if err != nil {
		return false, err
	}
	group, _, err := own(ctx, account, in, network.VPCID, true)
	if fault.ClassOf(err) == fault.Conflict {
		return true, nil // the group is not owned: there is nothing to release
	}
	if err != nil || group == nil {
		return err == nil, err
	}
	marked := group.Tags[naming.TagReleased] != ""
	if marked && len(group.Ingress)+len(group.Egress) == 0 {
		return true, nil
	}
	defer account.GroupWritten(network.VPCID, in.Tenant.Resource())
	w := r.writer(in, group.ID)
	if err := w.close(ctx, group.Ingress, group.Egress); err != nil || marked {
		return false, aws.Classify(err)
	}
	_, err = w.api.CreateTags(ctx, &ec2.CreateTagsInput{
		Resources: []string{group.ID}, Tags: tagsOf(map[string]string{naming.TagReleased: naming.ReleasedRetain}),
	})
	return false, aws.Classify(err)
}

func idsOf(rules []aws.Rule) []string {
	var ids []string
	for _, r := range rules {
		ids = append(ids, r.ID)
	}
	return ids
}

func tagsOf(tags map[string]string) []ec2types.Tag {
	var all []ec2types.Tag
	for k, v := range tags {
		all = append(all, ec2types.Tag{Key: awssdk.String(k), Value: awssdk.String(v)})
	}
	return all
}
