package cli

import (
	"bytes"
	"strings"
	"testing"
)

func TestWhatTheCommandLineAnswers(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		args        []string
		code        int
		says, fails string // parts of what is written for programs and for people
	}{
		"help is help":                      {args: []string{"--help"}, says: "Usage: sandbox COMMAND"},
		"and so is the word":                {args: []string{"help"}, says: "sabotage [flags] NAME"},
		"nothing is wrong usage":            {code: 2, fails: "Usage: sandbox COMMAND"},
		"an unknown command is wrong usage": {args: []string{"sevre"}, code: 2, fails: `unknown command "sevre"`},
		"a sandbox that does not run says how to run it": {
			args: []string{"env", "-state", "/nowhere", "-account", "111122223333"}, code: 1, fails: "sandbox: ",
		},
		"a certificate needs a name": {
			args: []string{"certificate", "-state", "/nowhere", "-out", "/nowhere"}, code: 1, fails: "certificate needs",
		},
		"sql needs to know where": {
			args: []string{"sql", "-state", "/nowhere", "db.example", "SELECT 1"}, code: 1, fails: "find the running sandbox",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out, errors bytes.Buffer
			if code := Run(t.Context(), test.args, &out, &errors); code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			if !strings.Contains(out.String(), test.says) || (test.says == "") != (out.Len() == 0) {
				t.Errorf("output %q, want %q", out.String(), test.says)
			}
			if !strings.Contains(errors.String(), test.fails) || (test.fails == "") != (errors.Len() == 0) {
				t.Errorf("errors %q, want %q", errors.String(), test.fails)
			}
		})
	}
}
