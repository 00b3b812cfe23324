package proxy

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
)

var xmlCode = regexp.MustCompile(`<Code>([^<]+)</Code>`)

// code is the error code in an answer of the sandbox or of moto, or "".
func code(req *wire.Request, answer *wire.Answer) string {
	if answer.Status < http.StatusBadRequest {
		return ""
	}
	kind := answer.Header.Get("X-Amzn-Errortype")
	if kind == "" && req.Protocol == wire.JSON {
		var failure struct {
			Type string `json:"__type"`
		}
		if err := json.Unmarshal(answer.Body, &failure); err == nil {
			kind = failure.Type
		}
	}
	if found := xmlCode.FindSubmatch(answer.Body); kind == "" && found != nil {
		kind = string(found[1])
	}
	kind, _, _ = strings.Cut(kind, ":")
	return kind[strings.LastIndexByte(kind, '#')+1:]
}
