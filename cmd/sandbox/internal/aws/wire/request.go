// Package wire is the form of an AWS request and answer, whatever the protocol:
// the query protocols of RDS, EC2, IAM and STS, JSON 1.0 and 1.1, and Smithy RPC
// v2 CBOR. It knows no service and imports nothing of the sandbox.
package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/fxamacker/cbor/v2"
)

// Protocol is how a request and its answer are written.
type Protocol int

// The protocols. REST services (S3, Route 53) have no operation name on the wire.
const (
	Query Protocol = iota
	EC2Query
	JSON
	CBOR
	REST
)

// maxBody bounds what is read of one request. AWS allows 1 MiB of form data on
// the services here; S3 objects of the sandbox stay below this too.
const maxBody = 16 << 20

// Request is one call as the sandbox sees it.
type Request struct {
	Service   string // signing name: "rds", "ec2", "kms", "iam", "sts", "tagging"
	Region    string
	Operation string // "CreateDBInstance"; of a REST service "PUT /path"
	Protocol  Protocol
	Form      Form   // parameters of the query protocols
	Body      []byte // as received
	HTTP      *http.Request
	AccessKey string // "" when unsigned
	Token     string // session token
	ID        string // request ID given to the client
	// Stale requests what was true before the last write to what is read.
	Stale bool
}

// Parse reads an HTTP request. The error, if any, is an *Error.
func Parse(r *http.Request) (*Request, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return nil, fmt.Errorf("read request: %w", err)
	}
	if len(body) > maxBody {
		return nil, Errorf(http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "the request is larger than %d bytes", maxBody)
	}
	req := &Request{HTTP: r, Body: body, Token: r.Header.Get("X-Amz-Security-Token"), ID: newID()}
	if err := req.readScope(); err != nil {
		return req, err
	}
	return req, req.readOperation()
}

// readScope takes access key, region and service from the SigV4 credential,
// in the header or, of a presigned URL, in the query.
func (r *Request) readScope() error {
	credential := r.HTTP.URL.Query().Get("X-Amz-Credential")
	if _, after, found := strings.Cut(r.HTTP.Header.Get("Authorization"), "Credential="); found {
		credential, _, _ = strings.Cut(after, ",")
	}
	if credential == "" {
		return nil
	}
	parts := strings.Split(strings.TrimSpace(credential), "/")
	if len(parts) != 5 {
		return Errorf(http.StatusBadRequest, "IncompleteSignature", "credential must have exactly 5 slash-delimited elements")
	}
	r.AccessKey, r.Region, r.Service = parts[0], parts[2], parts[3]
	if token := r.HTTP.URL.Query().Get("X-Amz-Security-Token"); token != "" {
		r.Token = token
	}
	return nil
}

func (r *Request) readOperation() error {
	contentType := r.HTTP.Header.Get("Content-Type")
	target := r.HTTP.Header.Get("X-Amz-Target")
	switch {
	case r.HTTP.Header.Get("Smithy-Protocol") == "rpc-v2-cbor":
		r.Protocol = CBOR
		_, r.Operation, _ = strings.Cut(r.HTTP.URL.Path, "/operation/")
	case target != "":
		r.Protocol = JSON
		r.Operation = target[strings.LastIndexByte(target, '.')+1:]
	default:
		return r.readForm(contentType)
	}
	return nil
}

func (r *Request) readForm(contentType string) error {
	values := r.HTTP.URL.Query()
	if strings.HasPrefix(contentType, "application/x-www-form-urlencoded") {
		posted, err := url.ParseQuery(string(r.Body))
		if err != nil {
			return Errorf(http.StatusBadRequest, "MalformedQueryString", "%s", err)
		}
		for name, list := range posted {
			values[name] = append(values[name], list...)
		}
	}
	if values.Get("Action") == "" {
		r.Protocol = REST
		r.Operation = r.HTTP.Method + " " + r.HTTP.URL.Path
		return nil
	}
	r.Form, r.Operation = Form{values: values}, values.Get("Action")
	if r.Protocol = Query; r.Service == "ec2" {
		r.Protocol = EC2Query
	}
	return nil
}

// Decode reads the body of a JSON or CBOR request into a structure with json tags.
func (r *Request) Decode(into any) error {
	if len(bytes.TrimSpace(r.Body)) == 0 {
		return nil
	}
	decode := json.Unmarshal
	if r.Protocol == CBOR {
		decode = cbor.Unmarshal
	}
	if err := decode(r.Body, into); err != nil {
		return Errorf(http.StatusBadRequest, "SerializationException", "%s", err)
	}
	return nil
}

// ReadOnly reports whether the operation changes nothing, by the verbs AWS itself
// uses in its audit log. AssumeRole counts as reading, as it does there.
func (r *Request) ReadOnly() bool {
	if r.Protocol == REST {
		return r.HTTP.Method == http.MethodGet || r.HTTP.Method == http.MethodHead
	}
	for _, verb := range []string{"Describe", "Get", "List", "AssumeRole", "Simulate", "Decode"} {
		if strings.HasPrefix(r.Operation, verb) {
			return true
		}
	}
	return false
}

// AsError finds the *Error in err, or wraps err as an internal failure.
func AsError(err error) *Error {
	if found, ok := errors.AsType[*Error](err); ok {
		return found
	}
	return Errorf(http.StatusInternalServerError, "InternalFailure", "%s", err)
}
