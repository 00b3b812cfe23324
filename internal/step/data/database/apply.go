package database

import (
	"context"
	"slices"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// writer writes for one tenant.
type writer struct {
	api     API
	keys    Keys
	account *aws.Account
	in      *scope.Platform
	want    State
	got     State
}

// Apply implements converge.Resource.
func (r *resource) Apply(
	ctx context.Context, in *scope.Platform, want State, got converge.Observation[State], changes []converge.Change,
) error {
	account := r.sessions.Account(in.Class)
	cfg := account.Write(in.Tenant)
	w := writer{
		api: rds.NewFromConfig(cfg), keys: kms.NewFromConfig(cfg), account: account, in: in, want: want, got: got.State,
	}
	if !got.Exists {
		return w.create(ctx)
	}
	paths := make([]string, 0, len(changes))
	for _, c := range changes {
		paths = append(paths, c.Path)
	}
	return aws.Classify(w.update(ctx, paths))
}

// update sends the changes: first the marks, which RDS takes in every state, then what changes as soon
// as possible, the password, and what takes an immediate Modify. After each of these AWS may be busy,
// and the next pass goes on with the rest.
func (w writer) update(ctx context.Context, paths []string) error {
	var soon, now []string
	for _, path := range paths {
		switch {
		case immediate(w.got, path):
			now = append(now, path)
		case setters[path] != nil:
			soon = append(soon, path)
		}
	}
	for _, part := range []struct {
		paths []string
		do    func(context.Context, []string) error
	}{
		{only(paths, pathRecorded), w.record},
		{only(paths, pathReleased), w.takeBack},
		{soon, w.modifySoon},
		{only(paths, pathCredential), w.setPassword},
		{now, w.modifyNow},
		{only(paths, pathReboot), w.reboot},
	} {
		if len(part.paths) == 0 {
			continue
		}
		if err := part.do(ctx, part.paths); err != nil {
			return err
		}
	}
	return nil
}

// written notes that a call was sent which may have changed the instance: reads from before it count no more.
func (w writer) written() { w.account.InstanceWritten(w.want.Identifier) }

// only returns the path if it is one of the paths.
func only(paths []string, path string) []string {
	if slices.Contains(paths, path) {
		return []string{path}
	}
	return nil
}

// writable says whether RDS takes changes of the instance in its present state.
func (w writer) writable() error {
	m := meaningOf(w.got.Status)
	if m.writable {
		return nil
	}
	if err := standstill(w.got); err != nil {
		return err
	}
	return fault.Wait(v1alpha1.ReasonSettling, 0, "changes wait until RDS accepts them: %s", m.message)
}

// record writes which database this is on the tenant's key, where it outlives the object.
func (w writer) record(ctx context.Context, _ []string) error {
	if w.in.Key.ID == "" {
		return fault.Wait(v1alpha1.ReasonWaitingForKey, 0, "the record of the database waits for the tenant's key")
	}
	_, err := w.keys.TagResource(ctx, &kms.TagResourceInput{KeyId: &w.in.Key.ID, Tags: []kmstypes.Tag{
		{TagKey: awssdk.String(naming.TagDatabase), TagValue: awssdk.String(w.got.Record.String())},
	}})
	w.account.KeyTagsWritten(w.in.Key.ID)
	return err
}

func (w writer) takeBack(ctx context.Context, _ []string) error {
	defer w.written()
	_, err := w.api.RemoveTagsFromResource(ctx, &rds.RemoveTagsFromResourceInput{
		ResourceName: &w.got.ARN, TagKeys: []string{naming.TagReleased},
	})
	return err
}

// setPassword sets the stored password and then its fingerprint: a crash in between sets it once more.
func (w writer) setPassword(ctx context.Context, _ []string) error {
	if err := w.writable(); err != nil {
		return err
	}
	password, err := w.in.Passwords.Ensure(ctx, scope.Master)
	if err != nil {
		return err
	}
	fingerprint := scope.Fingerprint(password)
	if fingerprint == w.got.Credential {
		return nil // it is set, and was only not seen to be stored
	}
	defer w.written()
	_, err = w.api.ModifyDBInstance(ctx, &rds.ModifyDBInstanceInput{
		DBInstanceIdentifier: &w.want.Identifier, MasterUserPassword: &password,
	})
	if err != nil {
		return err
	}
	_, err = w.api.AddTagsToResource(ctx, &rds.AddTagsToResourceInput{
		ResourceName: &w.got.ARN, Tags: rdsTags(map[string]string{naming.TagCredential: fingerprint}),
	})
	return err
}

func (w writer) reboot(ctx context.Context, _ []string) error {
	if err := w.writable(); err != nil {
		return err
	}
	defer w.written()
	_, err := w.api.RebootDBInstance(ctx, &rds.RebootDBInstanceInput{DBInstanceIdentifier: &w.want.Identifier})
	return err
}

// Release implements converge.Resource: the database stays, marked as released.
func (r *resource) Release(ctx context.Context, in *scope.Platform) (bool, error) {
	account := r.sessions.Account(in.Class)
	recorded, err := recordOf(in, account)
	if err != nil {
		return true, nil //nolint:nilerr // what is recorded is not here: there is nothing to release
	}
	db, _, err := account.Instance(ctx, in.Tenant.Resource(), true)
	if err != nil {
		return false, err
	}
	if db == nil {
		return true, nil
	}
	ours := identify(in, db, recorded) == nil
	if !ours || aws.TagsOf(db)[naming.TagReleased] != "" {
		return true, nil
	}
	_, err = rds.NewFromConfig(account.Write(in.Tenant)).AddTagsToResource(ctx, &rds.AddTagsToResourceInput{
		ResourceName: db.DBInstanceArn,
		Tags:         rdsTags(map[string]string{naming.TagReleased: naming.ReleasedRetain}),
	})
	account.InstanceWritten(in.Tenant.Resource())
	return false, aws.Classify(err)
}
