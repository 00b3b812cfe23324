package ec2

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"net/http"
	"strconv"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/identity"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
)

const namespace = "http://ec2.amazonaws.com/doc/2016-11-15/"

// element is one element of an answer.
type element struct {
	name  string
	value any
}

// list is the items of a list in an answer.
type list[T any] struct {
	Items []T `xml:"item"`
}

// answer answers with elements, in their order.
func answer(call identity.Call, elements ...element) (*wire.Answer, error) {
	var body bytes.Buffer
	fmt.Fprintf(&body, "<%sResponse xmlns=%q><requestId>%s</requestId>", call.Operation, namespace, call.ID)
	encoder := xml.NewEncoder(&body)
	for _, e := range elements {
		if err := encoder.EncodeElement(e.value, xml.StartElement{Name: xml.Name{Local: e.name}}); err != nil {
			return nil, fmt.Errorf("encode answer of %s: %w", call.Operation, err)
		}
	}
	fmt.Fprintf(&body, "</%sResponse>", call.Operation)
	header := http.Header{"Content-Type": {"text/xml"}, "X-Amzn-Requestid": {call.ID}}
	return &wire.Answer{Status: http.StatusOK, Header: header, Body: body.Bytes()}, nil
}

// done answers that the operation was carried out.
func done(call identity.Call) (*wire.Answer, error) { return answer(call, element{"return", true}) }

// answerPage answers with the requested page of a list.
func answerPage[T any](call identity.Call, name string, items []T) (*wire.Answer, error) {
	size, start, err := pageOf(call.Form)
	if err != nil {
		return nil, err
	}
	start = min(start, len(items))
	end := min(start+size, len(items))
	elements := []element{{name, list[T]{items[start:end]}}}
	if end < len(items) {
		elements = append(elements, element{"nextToken", base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(end)))})
	}
	return answer(call, elements...)
}

// everything is the page size of a request that names none.
const everything = 1 << 30

func pageOf(form wire.Form) (size, start int, err error) {
	if size, err = form.Int("MaxResults", everything); err != nil {
		return 0, 0, err
	}
	if size != everything && (size < 5 || size > 1000) {
		return 0, 0, invalidValue("Value ( %d ) for parameter maxResults is invalid. Expecting a value between 5 and 1000.", size)
	}
	if token := form.Get("NextToken"); token != "" {
		raw, err := base64.RawURLEncoding.DecodeString(token)
		if err == nil {
			start, err = strconv.Atoi(string(raw))
		}
		if err != nil || start < 0 {
			return 0, 0, wire.Errorf(http.StatusBadRequest, "InvalidNextToken", "The token is not valid")
		}
	}
	return size, start, nil
}
