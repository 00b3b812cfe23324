package postgres

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/fault"
)

// Classify turns an error of a connection or statement into a fault; nil stays nil and a fault stays
// itself. What a server says in its own words may quote a tenant's rows, so only SQLSTATEs are repeated.
// https://www.postgresql.org/docs/current/errcodes-appendix.html
func Classify(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	if f := classifyTLS(err); f != nil {
		return f.Because(redacted{err})
	}
	if answer, ok := errors.AsType[*pgconn.PgError](err); ok {
		return classifyCode(answer.Code).Because(redacted{err})
	}
	return fault.New(fault.Transient, v1alpha1.ReasonDatabaseUnreachable,
		"the database cannot be reached; check that the operator's network leads to it and that the class names the operator's "+
			"security group").Because(redacted{err})
}

// Code is the SQLSTATE of an error, "" of one that is no answer of a server.
func Code(err error) string {
	if answer, ok := errors.AsType[*pgconn.PgError](err); ok {
		return answer.Code
	}
	return ""
}

func classifyTLS(err error) *fault.Error {
	_, authority := errors.AsType[x509.UnknownAuthorityError](err)
	_, name := errors.AsType[x509.HostnameError](err)
	_, invalid := errors.AsType[x509.CertificateInvalidError](err)
	_, record := errors.AsType[tls.RecordHeaderError](err)
	_, other := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case name:
		return fault.New(fault.Denied, v1alpha1.ReasonCertificateRefused,
			"the server's certificate is for another name than the endpoint's, so nothing was sent; find out who answers there")
	case authority:
		return fault.New(fault.Denied, v1alpha1.ReasonCertificateRefused,
			"the server's certificate is from no authority that is trusted, so nothing was sent; if it is the right server, add "+
				"its authority to the class's CA bundle")
	case invalid, other:
		return fault.New(fault.Denied, v1alpha1.ReasonCertificateRefused,
			"the server's certificate is not valid now, so nothing was sent; renew it (the instance's certificate in RDS)")
	case record, strings.Contains(err.Error(), "server refused TLS connection"), strings.Contains(err.Error(), "protocol version"):
		return fault.New(fault.Denied, v1alpha1.ReasonTLSRefused,
			"the server does not speak TLS, or only what is no longer safe, so nothing was sent; find out who answers there")
	case strings.Contains(err.Error(), "require_auth"):
		return fault.New(fault.Denied, v1alpha1.ReasonTLSRefused,
			"the server asks for a password in another way than SCRAM, so none was sent; find out who answers there")
	}
	return nil
}

func classifyCode(code string) *fault.Error {
	switch {
	case code == "28P01", code == "28000":
		return fault.New(fault.Denied, v1alpha1.ReasonLoginRefused, "the database refuses the login (SQLSTATE %s)", code)
	case code == "53300":
		return fault.New(fault.Transient, v1alpha1.ReasonDatabaseFull,
			"the database has no connection left; end sessions, or take a larger instance class")
	case code == "53100", code == "53200", code == "53400":
		return fault.New(fault.Transient, v1alpha1.ReasonDatabaseFull,
			"the database has no room left (SQLSTATE %s); raise spec.database.storage.sizeGiB or free some", code)
	case code == "57P03", code == "57P01", code == "57P02":
		return fault.Wait(v1alpha1.ReasonSettling, 0, "the database is starting or stopping")
	case code == "55P03", code == "57014", strings.HasPrefix(code, "40"):
		return fault.New(fault.Transient, v1alpha1.ReasonTransientError,
			"another transaction blocks this one (SQLSTATE %s); it is retried", code)
	case code == "42501":
		return fault.New(fault.Denied, v1alpha1.ReasonAccessDenied,
			"the master may not do this in the database (SQLSTATE %s); an object of it belongs to somebody else", code)
	}
	return fault.New(fault.Transient, v1alpha1.ReasonTransientError,
		"the database refuses a statement (SQLSTATE %s); it is tried again", printable(code))
}

// redacted keeps an error for its type and says no more than that: pgx quotes connection settings and
// the server's words.
type redacted struct{ error }

func (r redacted) Error() string {
	if answer, ok := errors.AsType[*pgconn.PgError](r.error); ok {
		return "SQLSTATE " + printable(answer.Code)
	}
	return fmt.Sprintf("%T", errors.Unwrap(r.error))
}

func (r redacted) Unwrap() error { return r.error }
