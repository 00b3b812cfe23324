package wire

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/uuid"
)

// Error is an error as AWS states it: a code clients act upon, words for people
// and the HTTP status.
type Error struct {
	Code    string
	Message string
	Status  int
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Errorf returns an Error.
func Errorf(status int, code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), Status: status}
}

// Answer is an HTTP answer, whole, so that it can be changed, held or thrown away.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Write sends the answer.
func (a *Answer) Write(w http.ResponseWriter) error {
	maps.Copy(w.Header(), a.Header)
	w.Header().Set("Content-Length", strconv.Itoa(len(a.Body)))
	w.WriteHeader(a.Status)
	_, err := w.Write(a.Body)
	return err
}

// namespaces are the XML namespaces the query services answer in.
var namespaces = map[string]string{
	"rds": "http://rds.amazonaws.com/doc/2014-10-31/",
	"sts": "https://sts.amazonaws.com/doc/2011-06-15/",
	"iam": "https://iam.amazonaws.com/doc/2010-05-08/",
	"ec2": "http://ec2.amazonaws.com/doc/2016-11-15/",
}

// Result is the answer to a successful request, in the request's protocol.
// A nil result is an empty one.
func (r *Request) Result(result any) (*Answer, error) {
	var body []byte
	var err error
	switch r.Protocol {
	case Query, EC2Query:
		body, err = r.queryResult(result)
	case CBOR:
		body, err = cbor.Marshal(orEmpty(result))
	case JSON, REST:
		body, err = json.Marshal(orEmpty(result))
	}
	if err != nil {
		return nil, fmt.Errorf("encode answer of %s: %w", r.Operation, err)
	}
	return r.answer(http.StatusOK, body), nil
}

// Fail is the answer to a failed request, in the request's protocol.
func (r *Request) Fail(err error) *Answer {
	failure := AsError(err)
	switch r.Protocol {
	case Query:
		return r.answer(failure.Status, r.queryError(failure))
	case EC2Query:
		return r.answer(failure.Status, r.ec2Error(failure))
	case REST:
		return r.restError(failure)
	case JSON, CBOR:
	}
	fields := map[string]string{"__type": failure.Code, "message": failure.Message}
	var body []byte
	if r.Protocol == CBOR {
		body, err = cbor.Marshal(fields)
	} else {
		body, err = json.Marshal(fields)
	}
	if err != nil { // a map of strings always encodes
		body = nil
	}
	answer := r.answer(failure.Status, body)
	answer.Header.Set("X-Amzn-Errortype", failure.Code)
	return answer
}

func orEmpty(result any) any {
	if result == nil {
		return struct{}{}
	}
	return result
}

func (r *Request) answer(status int, body []byte) *Answer {
	header := http.Header{"X-Amzn-Requestid": {r.ID}}
	switch r.Protocol {
	case Query, EC2Query:
		header.Set("Content-Type", "text/xml")
	case CBOR:
		header.Set("Content-Type", "application/cbor")
		header.Set("Smithy-Protocol", "rpc-v2-cbor")
	case JSON:
		header.Set("Content-Type", r.HTTP.Header.Get("Content-Type"))
	case REST:
		header.Set("Content-Type", "application/json")
	}
	return &Answer{Status: status, Header: header, Body: body}
}

// queryResult writes <OpResponse><OpResult>…</OpResult><ResponseMetadata/>, the
// envelope of the query protocol.
func (r *Request) queryResult(result any) ([]byte, error) {
	var out bytes.Buffer
	fmt.Fprintf(&out, "<%sResponse xmlns=%q>", r.Operation, namespaces[r.Service])
	if result != nil {
		start := xml.StartElement{Name: xml.Name{Local: r.Operation + "Result"}}
		if err := xml.NewEncoder(&out).EncodeElement(result, start); err != nil {
			return nil, err
		}
	}
	fmt.Fprintf(&out, "<ResponseMetadata><RequestId>%s</RequestId></ResponseMetadata></%sResponse>", r.ID, r.Operation)
	return out.Bytes(), nil
}

func (r *Request) queryError(failure *Error) []byte {
	kind := "Sender"
	if failure.Status >= http.StatusInternalServerError {
		kind = "Receiver"
	}
	return fmt.Appendf(nil, "<ErrorResponse xmlns=%q><Error><Type>%s</Type><Code>%s</Code><Message>%s</Message></Error>"+
		"<RequestId>%s</RequestId></ErrorResponse>", namespaces[r.Service], kind, failure.Code, escape(failure.Message), r.ID)
}

func (r *Request) ec2Error(failure *Error) []byte {
	return fmt.Appendf(nil, "<Response><Errors><Error><Code>%s</Code><Message>%s</Message></Error></Errors>"+
		"<RequestID>%s</RequestID></Response>", failure.Code, escape(failure.Message), r.ID)
}

// restError serves the REST services: S3 has its own form, Route 53 and
// CloudFront that of the query protocol, the rest JSON.
func (r *Request) restError(failure *Error) *Answer {
	switch r.Service {
	case "s3":
		body := fmt.Appendf(nil, "<Error><Code>%s</Code><Message>%s</Message><RequestId>%s</RequestId></Error>",
			failure.Code, escape(failure.Message), r.ID)
		answer := r.answer(failure.Status, body)
		answer.Header.Set("Content-Type", "application/xml")
		return answer
	case "route53", "cloudfront":
		answer := r.answer(failure.Status, r.queryError(failure))
		answer.Header.Set("Content-Type", "text/xml")
		return answer
	}
	body, err := json.Marshal(map[string]string{"message": failure.Message})
	if err != nil { // a map of strings always encodes
		body = nil
	}
	answer := r.answer(failure.Status, body)
	answer.Header.Set("X-Amzn-Errortype", failure.Code)
	return answer
}

func escape(text string) string {
	var out bytes.Buffer
	if err := xml.EscapeText(&out, []byte(text)); err != nil { // a buffer never fails
		return ""
	}
	return out.String()
}

func newID() string { return uuid.NewString() }

// Time is a moment as JSON and CBOR services write it: seconds since 1970, with
// the tag of a timestamp in CBOR.
type Time time.Time

// MarshalJSON writes seconds with milliseconds.
func (t Time) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, t.seconds(), 'f', 3, 64), nil
}

// MarshalCBOR writes tag 1, the epoch-based timestamp.
func (t Time) MarshalCBOR() ([]byte, error) {
	return cbor.Marshal(cbor.Tag{Number: 1, Content: t.seconds()})
}

func (t Time) seconds() float64 { return float64(time.Time(t).UnixMilli()) / 1000 }
