package database

import (
	"fmt"
	"slices"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/fault"
)

// life is what a state of the instance means for a platform.
type life int

const (
	// usable: clients can connect, the platform can be Ready.
	usable life = iota
	// moving: AWS is at work and will be done by itself.
	moving
	// stuck: only a person, or a change that the operator makes, ends this.
	stuck
)

// meaning of one state.
type meaning struct {
	life life
	// writable says that RDS accepts a Modify.
	writable bool
	// message says what it is and what to do.
	message string
}

// resetting is the state in which AWS sets the master password.
const resetting = "resetting-master-credentials"

// serving are the states in which clients can still connect while AWS is at work.
var serving = []string{
	"configuring-enhanced-monitoring", "configuring-iam-database-auth", "configuring-log-exports", "delete-precheck",
	"maintenance", "modifying", resetting, "storage-config-upgrade",
}

// connectable says whether clients can connect in a state.
func connectable(status string) bool {
	return meaningOf(status).life == usable || slices.Contains(serving, status)
}

// states is the complete table of the states of a DB instance.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/accessing-monitoring.html#Overview.DBInstance.Status
var states = map[string]meaning{
	"available":            {usable, true, "the database is available"},
	"backing-up":           {usable, false, "the database is available and is being backed up"},
	"storage-optimization": {usable, true, "the database is available while AWS moves it to its new storage"},
	"storage-initialization": {usable, false, "the database is available and may be slow while AWS loads its storage from a " +
		"snapshot"},

	"backtracking":                    {moving, false, "AWS is turning the database back in time"},
	"configuring-enhanced-monitoring": {moving, false, "AWS is switching enhanced monitoring"},
	"configuring-iam-database-auth":   {moving, false, "AWS is switching IAM authentication"},
	"configuring-log-exports":         {moving, false, "AWS is switching log exports"},
	"converting-to-vpc":               {moving, false, "AWS is moving the database into a VPC"},
	"creating":                        {moving, false, "AWS is creating the database"},
	"delete-precheck":                 {moving, false, "a deletion was requested, not by this operator; AWS is checking whether it may"},
	"maintenance":                     {moving, false, "AWS is maintaining the database"},
	"modifying":                       {moving, false, "AWS is modifying the database"},
	"moving-to-vpc":                   {moving, false, "AWS is moving the database to another VPC"},
	"rebooting":                       {moving, false, "the database is rebooting"},
	"renaming":                        {moving, false, "AWS is renaming the database"},
	resetting:                         {moving, false, "AWS is setting the master password"},
	"starting":                        {moving, false, "the database is starting"},
	"stopping":                        {moving, false, "the database is stopping"},
	"storage-config-upgrade":          {moving, false, "AWS is upgrading the storage configuration"},
	"upgrading":                       {moving, false, "AWS is upgrading the engine"},

	"deleting": {stuck, false, "the database is being deleted, not by this operator: this cannot be stopped; " +
		"restore its automated backup or its final snapshot when it is gone"},
	"failed": {stuck, false, "the database has failed and AWS cannot recover it: restore it to its latest " +
		"restorable time"},
	"inaccessible-encryption-credentials": {stuck, false, "the database cannot use its KMS key any more: enable " +
		"the key or cancel its deletion, then restore the database from a backup"},
	"inaccessible-encryption-credentials-recoverable": {stuck, false, "the database cannot use its KMS key: enable the key or " +
		"cancel its deletion, then start the database, within seven days"},
	"incompatible-create": {stuck, false, "AWS cannot create the database with these resources: see the instance's " +
		"events in RDS"},
	"incompatible-network": {stuck, false, "AWS found no free address, or a wrong subnet or security group: free " +
		"addresses in the class's subnets, or correct them"},
	"incompatible-option-group": {stuck, true, "the option group does not fit: see the instance's events in RDS"},
	"incompatible-parameters": {stuck, true, "the database cannot start with its parameters: correct the values " +
		"added to its parameter group, then reboot it"},
	"incompatible-restore": {stuck, false, "AWS cannot restore the point in time: restore another one"},
	"insufficient-capacity": {stuck, false, "AWS has no machine of this class in these zones now and takes no change of the " +
		"database until it has: wait, or ask AWS support"},
	"restore-error": {stuck, false, "restoring from the snapshot failed: restore again from another one"},
	"stopped": {stuck, false, "the database was stopped, not by this operator: start it in RDS (AWS starts it by itself after seven " +
		"days)"},
	"storage-full": {stuck, true, "the storage is full: raise database.storage.sizeGiB"},
}

// meaningOf returns what a state means; one that the table does not know is a reason to wait, never to
// be ready.
func meaningOf(status string) meaning {
	if m, ok := states[status]; ok {
		return m
	}
	return meaning{moving, false, fmt.Sprintf("RDS reports the state %q, which this operator does not know yet", status)}
}

// degraded says what is wrong with an instance that no change of ours would repair.
func degraded(want, got State) error {
	if err := standstill(got); err != nil {
		return err
	}
	for _, f := range Fields {
		if text, ok := want.refused[f.Path]; ok {
			return fault.New(fault.Invalid, v1alpha1.ReasonInvalidSpec, "%s", text)
		}
	}
	return got.Home.Err
}

// standstill says what is wrong with an instance in a state that it does not leave by itself.
func standstill(got State) error {
	if m := meaningOf(got.Status); m.life == stuck {
		return fault.New(fault.Invalid, v1alpha1.ReasonDatabaseState, "%s", m.message)
	}
	return nil
}
