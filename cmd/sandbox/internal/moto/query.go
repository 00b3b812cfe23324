package moto

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/beevik/etree"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
)

// Account is moto as one account in one region sees it, for what the sandbox
// itself reads or creates. It bypasses faults, the log and permissions.
type Account struct {
	server  *Server
	account string
	region  string
}

// As is moto seen from an account and region.
func (s *Server) As(account, region string) Account {
	return Account{server: s, account: account, region: region}
}

// Call makes a query call with parameters given as name, value, name, value. An
// answer that is an error becomes a *wire.Error.
func (a Account) Call(ctx context.Context, service, operation string, pairs ...string) (*etree.Element, error) {
	values := url.Values{"Action": {operation}, "Version": {versions[service]}}
	for i := 0; i+1 < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	answer, err := a.post(ctx, service, "application/x-www-form-urlencoded; charset=utf-8", "", []byte(values.Encode()))
	if err != nil {
		return nil, fmt.Errorf("call %s: %w", operation, err)
	}
	return Document(answer)
}

func (a Account) post(ctx context.Context, service, contentType, target string, body []byte) (*wire.Answer, error) {
	url, err := a.server.running(ctx)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", contentType)
	if target != "" {
		request.Header.Set("X-Amz-Target", target)
	}
	request.Header.Set(accountHeader, a.account)
	request.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=SANDBOX/%s/%s/%s/aws4_request, "+
		"SignedHeaders=host, Signature=none", time.Now().UTC().Format("20060102"), a.region, service))
	return a.server.do(request)
}

// versions are the API versions of the query services.
var versions = map[string]string{"ec2": "2016-11-15", "iam": "2010-05-08", "sts": "2011-06-15"}

// Document parses an XML answer; an error answer becomes a *wire.Error.
func Document(answer *wire.Answer) (*etree.Element, error) {
	document := etree.NewDocument()
	if err := document.ReadFromBytes(answer.Body); err != nil || document.Root() == nil {
		return nil, fmt.Errorf("parse moto's answer (status %d): %w", answer.Status, err)
	}
	root := document.Root()
	if answer.Status < http.StatusBadRequest {
		return root, nil
	}
	return nil, wire.Errorf(answer.Status, Text(root, ".//Code"), "%s", Text(root, ".//Message"))
}

// Text is the text of the first element at the path, or "".
func Text(element *etree.Element, path string) string {
	if found := element.FindElement(path); found != nil {
		return found.Text()
	}
	return ""
}

// Texts is the text of every element at the path.
func Texts(element *etree.Element, path string) []string {
	var texts []string
	for _, found := range element.FindElements(path) {
		texts = append(texts, found.Text())
	}
	return texts
}
