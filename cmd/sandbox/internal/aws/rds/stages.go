package rds

import "context"

// stages is how a change goes about: what can be seen of it, in which order.
func (r *region) stages(inst Instance, due Pending) []stage {
	all := []stage{{brief: true}}
	add := func(wanted bool, s stage) {
		if wanted {
			all = append(all, s)
		}
	}
	add(due.MasterUserPassword != nil, stage{status: resetting, work: r.planePassword, then: takes(func(now *Instance, p *Pending) {
		now.password, p.MasterUserPassword = "", nil
	})})
	add(due.IAMDatabaseAuthenticationEnabled != nil, stage{status: configuringIAM, then: takes(func(now *Instance, p *Pending) {
		move(&now.IAMDatabaseAuthenticationEnabled, &p.IAMDatabaseAuthenticationEnabled)
	})})
	add(due.PendingCloudwatchLogsExports != nil, stage{status: configuringLog, then: takes(func(now *Instance, p *Pending) {
		now.EnabledCloudwatchLogsExports = p.PendingCloudwatchLogsExports.over(now.EnabledCloudwatchLogsExports)
		p.PendingCloudwatchLogsExports = nil
	})})
	add(due.modifies(), r.modifyStage(due))
	add(due.EngineVersion != nil, r.upgradeStage(due))
	add(due.DBInstanceIdentifier != nil, r.renameStage(due))
	add(due.Port != nil, stage{status: modifying, then: takes(func(now *Instance, p *Pending) {
		move(&now.port, &p.Port)
	})})
	add(due.DBInstanceIdentifier != nil || due.Port != nil, stage{status: rebooting, work: r.planeMove, then: func(now *Instance) {
		endpoint := now.endpoint()
		now.Endpoint = &endpoint
	}})
	add(startsBackups(inst, due), stage{status: backingUp, then: func(now *Instance) { now.LatestRestorableTime = r.stamp() }})
	add(due.storage(inst), stage{status: optimizing, open: true})
	return all
}

// takes is the end of a stage, in which part of what is pending takes effect.
func takes(effect func(now *Instance, pending *Pending)) func(*Instance) {
	return func(now *Instance) { effect(now, &now.PendingModifiedValues) }
}

// move takes a pending value, if there is one.
func move[T any](field *T, pending **T) {
	set(field, *pending)
	*pending = nil
}

// modifies reports whether anything happens under the status "modifying".
func (p Pending) modifies() bool {
	p.MasterUserPassword, p.IAMDatabaseAuthenticationEnabled, p.PendingCloudwatchLogsExports = nil, nil, nil
	p.EngineVersion, p.parameterGroup, p.DBInstanceIdentifier, p.Port = nil, "", nil, nil
	return !p.empty()
}

func startsBackups(inst Instance, due Pending) bool {
	return inst.BackupRetentionPeriod == 0 && due.BackupRetentionPeriod != nil && *due.BackupRetentionPeriod > 0
}

func (r *region) modifyStage(due Pending) stage {
	s := stage{status: modifying, then: takes(func(now *Instance, p *Pending) {
		if due.storage(*now) {
			now.optimized = r.untilOptimized()
		}
		if differs(p.CACertificateIdentifier, now.CACertificateIdentifier) {
			*now = now.withAuthority(*p.CACertificateIdentifier, r.Now())
		}
		if differs(p.MultiAZ, now.MultiAZ) {
			now.MultiAZ = *p.MultiAZ
			*now = now.placeIn(now.DBSubnetGroup.zones(), now.AvailabilityZone)
		}
		if p.BackupRetentionPeriod != nil && *p.BackupRetentionPeriod == 0 {
			now.LatestRestorableTime = ""
		}
		rest := Pending{
			DBInstanceClass: p.DBInstanceClass, AllocatedStorage: p.AllocatedStorage, Iops: p.Iops, StorageType: p.StorageType,
			StorageThroughput: p.StorageThroughput, BackupRetentionPeriod: p.BackupRetentionPeriod,
		}
		*now = settled(*now, rest)
		now.PendingModifiedValues = Pending{
			MasterUserPassword: p.MasterUserPassword, EngineVersion: p.EngineVersion, parameterGroup: p.parameterGroup,
			DBInstanceIdentifier: p.DBInstanceIdentifier, Port: p.Port,
		}
	})}
	if due.DBInstanceClass != nil {
		s.work = r.planeReboot
	}
	return s
}

func (r *region) upgradeStage(due Pending) stage {
	return stage{status: upgrading, work: r.planeReboot, then: takes(func(now *Instance, p *Pending) {
		move(&now.EngineVersion, &p.EngineVersion)
		if due.parameterGroup != "" {
			group, _ := r.fitting(due.parameterGroup, now.EngineVersion)
			*now = now.withGroup(due.parameterGroup, inSync)
			now.parameters = group.effective()
			now.OptionGroupMemberships = []optionMembership{{"default:postgres-" + major(now.EngineVersion), inSync}}
		}
		p.parameterGroup = ""
	})}
}

func (r *region) renameStage(due Pending) stage {
	return stage{status: renaming, then: takes(func(now *Instance, p *Pending) {
		p.DBInstanceIdentifier = nil
		*now = r.named(*now, *due.DBInstanceIdentifier)
	})}
}

// ApplyPending is an instance's maintenance window come early: what waits for it
// starts. It answers false when there is no such instance, or nothing waits.
func (s *Service) ApplyPending(_ context.Context, account, regionName, name string) (bool, error) {
	r := s.region(account, regionName)
	r.mu.Lock()
	defer r.mu.Unlock()
	inst, err := r.get(name)
	if err != nil {
		return false, err
	}
	if inst.PendingModifiedValues.empty() {
		return false, nil
	}
	if err := inst.must(available); err != nil {
		return false, err
	}
	r.start(inst, available, r.stages(inst, inst.PendingModifiedValues)...)
	return true, nil
}
