// Package shared is a package of a program.
package shared

import (
	"fmt"
	"os"

	"github.com/aws/aws-sdk-go-v2/service/kms" // want depguard
	"github.com/jackc/pgx/v5"                  // want depguard
	"github.com/stripe/stripe-go/v82"          // want depguard
)

// Name of the package.
const Name = "cmd"

// Print prints and reads the environment, as programs may.
func Print() { fmt.Println(os.Getenv("HOME"), kms.ServiceID, pgx.Name, stripe.Name) }
