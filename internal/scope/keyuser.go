package scope

import "context"

// KeyUser is an AWS service that uses the tenant's key. The step that has data encrypted with the key
// declares it, and the catalogue collects it: the key policy is composed of what is declared.
type KeyUser struct {
	// Service is the service as findings name it, such as rds.
	Service string
	// Statements are what the key policy has for the service. Each must bind what it allows to the service
	// by kms:ViaService, or to the tenant's data by an encryption context: an unbound one is refused.
	Statements func(*Platform) []KeyStatement
	// Uses returns the ARNs of the keys with which the service's data of this tenant is encrypted at present,
	// beyond the live databases, which the step key reads itself; nil is none. It is called only where a key
	// would be deleted otherwise. An error means that no key may be.
	Uses func(context.Context, *Platform) ([]string, error)
}

// KeyStatement is one statement of the key policy that allows something.
type KeyStatement struct {
	// Sid is unique in the policy.
	Sid string
	// Principal is who is admitted, by kind: AWS is the ARN of a role, Service the name of a service.
	Principal map[string]string
	// Actions are KMS actions.
	Actions []string
	// Condition is by operator and condition key.
	Condition map[string]map[string]string
}
