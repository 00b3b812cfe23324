package naming

import "strings"

// SubnetGroup is the name of the class's DB subnet group.
func SubnetGroup(c Class) string { return c.Resource() }

// ParameterGroup is the name of the class's DB parameter group for a PostgreSQL major, such as "16",
// and a least TLS version, such as "TLSv1.2": coach-standard-…-pg16-tls12.
func ParameterGroup(c Class, major, minTLS string) string {
	return c.Resource() + "-pg" + major + "-tls" + strings.ReplaceAll(strings.TrimPrefix(minTLS, "TLSv"), ".", "")
}
