package account_test

import (
	"os"
	"testing"

	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
	"github.com/coachplatform/coach-operator/internal/step/class/account"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
	"github.com/coachplatform/coach-operator/internal/testkit/steptest"
)

func TestMain(m *testing.M) { os.Exit(env.Main(m)) }

func TestConformance(t *testing.T) {
	steptest.Run(t, steptest.Suite[*scope.Class]{
		New: account.New,
		Input: func(_ *testing.T, a *env.Account) func() *scope.Class {
			return func() *scope.Class { return input(a) }
		},
		Least: steptest.Coverage{Boundaries: 3, Failures: 16},
	})
}

func input(a *env.Account) *scope.Class {
	return &scope.Class{Owner: naming.Class{Installation: "test", Name: env.ClassName}, Class: a.Class()}
}
