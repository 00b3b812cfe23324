package rds

import (
	"net/http"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
)

func invalidValue(format string, args ...any) error {
	return wire.Errorf(http.StatusBadRequest, "InvalidParameterValue", format, args...)
}

func invalidCombination(format string, args ...any) error {
	return wire.Errorf(http.StatusBadRequest, "InvalidParameterCombination", format, args...)
}

func missing(name string) error {
	return wire.Errorf(http.StatusBadRequest, "MissingParameter", "The request must contain the parameter %s.", name)
}

func invalidState(format string, args ...any) error {
	return wire.Errorf(http.StatusBadRequest, "InvalidDBInstanceState", format, args...)
}

func notFound(code, format string, args ...any) error {
	return wire.Errorf(http.StatusNotFound, code, format, args...)
}

func instanceNotFound(name string) error {
	return notFound("DBInstanceNotFound", "DBInstance %s not found.", name)
}

func snapshotNotFound(name string) error {
	return notFound("DBSnapshotNotFound", "DBSnapshot %s not found.", name)
}

func keyNotAccessible(key string) error {
	return wire.Errorf(http.StatusBadRequest, "KMSKeyNotAccessibleFault",
		"The specified KMS key [%s] does not exist, is not enabled or you do not have permissions to access it.", key)
}
