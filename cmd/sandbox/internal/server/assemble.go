package server

import (
	"context"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/admin"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/access"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/calllog"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/ec2"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/fault"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/iam"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/identity"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/kms"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/proxy"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/rds"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/setting"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/sts"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/tagging"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/versions"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/moto"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/pki"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/postgres"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/world"
)

// sandbox is everything that answers.
type sandbox struct {
	aws       http.Handler
	admin     *admin.API
	databases *rds.Service
	calls     *calllog.Log
	faults    *fault.Injector
	stripe    *stripe // nil for none
}

// assemble wires the services. plane is nil when no database is real.
func assemble(ctx context.Context, config Config, motoServer *moto.Server, plane rds.Plane) sandbox {
	sessions := identity.NewSessions(time.Now)
	roles := iam.NewRoles(motoServer)
	calls := calllog.New(callsKept)
	faults := fault.New(time.Now)
	settings := setting.New(setting.Values{
		Pace: setting.Duration(config.Pace), Lag: setting.Duration(config.Lag),
		Latency: setting.Duration(config.Latency), DataPlane: config.DataPlane,
	})
	keys := kms.New(settings, time.Now)
	databases := rds.New(ctx, rds.Config{
		Moto: motoServer, Keys: keys, Plane: plane, Settings: settings, Now: time.Now, Log: config.Log,
	})
	networks := ec2.New(motoServer, settings, databases.UsesSecurityGroup, time.Now)
	tags := tagging.New(map[string]tagging.Source{"kms": taggedKeys(keys), "rds": taggedDatabases(databases)},
		func(account string) versions.View { return versions.View{Lag: time.Duration(settings.Of(account).Lag)} }, motoServer)
	guard := &access.Guard{Roles: roles, Keys: keys, Now: time.Now, Tags: resourceTags(motoServer, roles, keys, databases)}
	aws := proxy.New(proxy.Config{
		Settings: settings, Sessions: sessions, Log: calls, Faults: faults, Guard: guard, Moto: motoServer, Now: time.Now, Errors: config.Log,
		Services: map[string]proxy.Service{
			"ec2": networks, "iam": roles, "kms": keys, "rds": databases, "sts": sts.New(sessions, roles), "tagging": tags,
		},
	})
	api := admin.New(calls, faults, settings, world.New(world.Services{
		Moto: motoServer, Roles: roles, Sessions: sessions, Databases: databases, Keys: keys, Networks: networks,
	}), config.Log)
	return sandbox{aws: aws, admin: api, databases: databases, calls: calls, faults: faults}
}

func taggedKeys(keys *kms.Service) tagging.Source {
	return func(account, region string, view versions.View) []tagging.Resource {
		var all []tagging.Resource
		for _, key := range keys.Keys(account, region, view) {
			all = append(all, tagging.Resource{ARN: key.ARN, Tags: key.TagMap()})
		}
		return all
	}
}

func taggedDatabases(databases *rds.Service) tagging.Source {
	return func(account, region string, view versions.View) []tagging.Resource {
		var all []tagging.Resource
		for arn, tags := range databases.Tagged(account, region, view) {
			resource := tagging.Resource{ARN: arn, Tags: map[string]string{}}
			for _, t := range tags {
				resource.Tags[t.Key] = t.Value
			}
			all = append(all, resource)
		}
		return all
	}
}

// openPlane readies the data plane, or returns nil when no database is to be real.
func openPlane(config Config, ca *pki.CA) (*postgres.Plane, error) {
	if config.Postgres == "" {
		return nil, nil
	}
	return postgres.New(postgres.Config{
		Binaries: config.Postgres, Dir: filepath.Join(config.State, "postgres"), CA: ca,
		Addresses: config.Addresses, Log: config.Log,
	})
}

// resourceTags is where permission checks find the tags of resources.
func resourceTags(motoServer *moto.Server, roles *iam.Roles, keys *kms.Service, databases *rds.Service) map[string]access.Tags {
	return map[string]access.Tags{
		"kms": func(_ context.Context, account, region, arn string) (map[string]string, error) {
			key, _ := keys.Exact(account, region, arn)
			return key.TagMap(), nil
		},
		"rds": func(_ context.Context, account, region, arn string) (map[string]string, error) {
			return databases.TagsOf(account, region, arn), nil
		},
		"ec2": func(ctx context.Context, account, region, arn string) (map[string]string, error) {
			return motoServer.As(account, region).EC2Tags(ctx, arn[strings.LastIndexByte(arn, '/')+1:])
		},
		"iam": func(ctx context.Context, account, _, arn string) (map[string]string, error) {
			role, err := roles.Get(ctx, account, arn[strings.LastIndexByte(arn, '/')+1:])
			return role.Tags, err
		},
	}
}
