package flip_test

import (
	"slices"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	cloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/kms"
)

const logsEncrypted, logsKept = "CP-LOG-01", "CP-LOG-02"

var ofLogs = []string{logsEncrypted, logsKept}

// logs are breaches of the log groups of the database, and what keeps them from being observed.
var logs = family{
	name: "logs", major: "18",
	breaches: []breach{
		{what: "the key taken off a log group", by: byAWS, controls: []string{logsEncrypted}, do: unencryptLogs},
		{what: "another key of the account put on a log group", by: byAWS, controls: []string{logsEncrypted}, do: otherKeyOfLogs},
		{what: "a log group deleted and created again as RDS does", by: byAWS, controls: []string{logsEncrypted}, do: recreateLogs},
		{what: "logs kept for a day", by: byAWS, controls: []string{logsKept}, do: keepLogs(1)},
		{what: "logs kept for half a year", by: byAWS, controls: []string{logsKept}, do: keepLogs(180)},
	},
	blindnesses: slices.Concat(
		faults("the log groups", "logs", "DescribeLogGroups", ofLogs),
		faults("the tags of log groups", "tagging", "GetResources", ofLogs),
		[]blindness{{
			what: "a log group deleted, until the operator creates it", by: byAWS, controls: ofLogs, do: deleteLogs, undo: nil,
		}},
	),
	refusals: []refusal{
		{
			what: "logs kept for a number of days that CloudWatch does not offer", by: byAWS, controls: []string{logsKept},
			answer: "InvalidParameterException", do: func(w *world) error { return w.keepLogs(2) },
		},
		{
			what: "a key that does not exist put on a log group", by: byAWS, controls: []string{logsEncrypted}, answer: "InvalidParameterException",
			do: func(w *world) error {
				return w.encryptLogs("arn:aws:kms:" + w.account.Region + ":" + w.account.ID + ":key/11111111-2222-3333-4444-555555555555")
			},
		},
	},
}

func (w *world) logs() *cloudwatch.Client {
	return cloudwatch.NewFromConfig(w.account.Administrator(w.T))
}

func (w *world) logGroup() *string {
	return awssdk.String("/aws/rds/instance/" + w.tenant.Resource() + "/postgresql")
}

func unencryptLogs(w *world) {
	w.Helper()
	_, err := w.logs().DisassociateKmsKey(w.Context(), &cloudwatch.DisassociateKmsKeyInput{LogGroupName: w.logGroup()})
	w.must("taking the key off", err)
}

func (w *world) encryptLogs(arn string) error {
	_, err := w.logs().AssociateKmsKey(w.Context(), &cloudwatch.AssociateKmsKeyInput{LogGroupName: w.logGroup(), KmsKeyId: &arn})
	return err
}

func otherKeyOfLogs(w *world) {
	w.Helper()
	policy := w.policy() // it admits the log groups of this tenant
	out, err := w.kms().CreateKey(w.Context(), &kms.CreateKeyInput{Policy: &policy})
	w.must("creating a key", err)
	w.must("putting another key on", w.encryptLogs(*out.KeyMetadata.Arn))
}

func deleteLogs(w *world) {
	w.Helper()
	_, err := w.logs().DeleteLogGroup(w.Context(), &cloudwatch.DeleteLogGroupInput{LogGroupName: w.logGroup()})
	w.must("deleting the log group", err)
}

func recreateLogs(w *world) {
	w.Helper()
	deleteLogs(w)
	_, err := w.logs().CreateLogGroup(w.Context(), &cloudwatch.CreateLogGroupInput{LogGroupName: w.logGroup()})
	w.must("creating the log group", err)
}

func (w *world) keepLogs(days int32) error {
	_, err := w.logs().PutRetentionPolicy(w.Context(), &cloudwatch.PutRetentionPolicyInput{LogGroupName: w.logGroup(), RetentionInDays: &days})
	return err
}

func keepLogs(days int32) func(*world) {
	return func(w *world) {
		w.Helper()
		w.must("changing the retention", w.keepLogs(days))
	}
}
