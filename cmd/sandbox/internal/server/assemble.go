package server

import (
	"context"
	"net/http"
	"path/filepath"
	"time"

	"github.com/beevik/etree"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/admin"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/access"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/calllog"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/ec2"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/fault"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/iam"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/identity"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/kms"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/limit"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/logs"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/proxy"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/rds"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/service"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/setting"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/sts"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/tagging"
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
	limits := limit.New(time.Now)
	settings := setting.New(setting.Values{
		Pace: setting.Duration(config.Pace), Lag: setting.Duration(config.Lag),
		Latency: setting.Duration(config.Latency), DataPlane: config.DataPlane, Limits: config.Limits,
	})
	keys := kms.New(settings, time.Now)
	groups := logs.New(keys, time.Now)
	var databases *rds.Service
	networks := ec2.New(settings, func(account, region, group string) bool {
		return databases.UsesSecurityGroup(account, region, group)
	}, time.Now)
	databases = rds.New(ctx, rds.Config{
		Networks: func(ctx context.Context, account, region, operation string, pairs ...string) (*etree.Element, error) {
			return networks.As(account, region).Call(ctx, operation, pairs...)
		},
		Keys: keys, Logs: groups, Plane: plane, Settings: settings, Now: time.Now, Log: config.Log,
	})
	services := service.NewRegistry(databases, groups, networks, keys, roles, sts.New(sessions, roles))
	services.Register(tagging.New(services.Tagged, func(account string) time.Duration { return time.Duration(settings.Of(account).Lag) }))
	aws := proxy.New(proxy.Config{
		Settings: settings, Sessions: sessions, Log: calls, Faults: faults, Services: services, Limits: limits, Now: time.Now,
		Errors: config.Log,
		Guard:  &access.Guard{Roles: roles, Keys: keys, Services: services, Now: time.Now},
	})
	api := admin.New(calls, faults, settings, services, world.New(world.Services{
		Roles: roles, Databases: databases, Keys: keys, Networks: networks,
		All: services, Limits: limits,
	}), config.Log)
	return sandbox{aws: aws, admin: api, databases: databases, calls: calls, faults: faults}
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
