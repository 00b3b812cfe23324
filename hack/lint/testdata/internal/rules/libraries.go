// Package rules breaks the rules that hold everywhere.
package rules

import (
	"sort" // want depguard

	"github.com/golang/mock/gomock"     // want depguard
	"github.com/onsi/ginkgo/v2"         // want depguard
	"github.com/pkg/errors"             // want depguard
	"github.com/samber/lo"              // want depguard
	"github.com/stretchr/testify/assert" // want depguard
	mock "go.uber.org/mock/gomock"      // want depguard
)

// Values are from libraries that have a better counterpart.
var Values = []any{gomock.Name, ginkgo.Name, errors.Name, lo.Name, assert.Name, mock.Name, sort.Ints}
