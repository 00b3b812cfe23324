package aws_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/aws"
)

// fleet is an RDS with many instances, the first of which is being created, and counts its pages.
type fleet struct {
	size  int
	pages atomic.Int32
}

// Do implements the HTTP client of the SDK.
func (f *fleet) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	if form.Get("Action") != "DescribeDBInstances" {
		r.Body = io.NopCloser(bytes.NewReader(body))
		return (&book{}).Do(r)
	}
	f.pages.Add(1)
	from, _ := strconv.Atoi(form.Get("Marker"))
	var found strings.Builder
	for i := from; i < min(from+100, f.size); i++ {
		status := "available"
		if i == 0 {
			status = "creating"
		}
		fmt.Fprintf(&found, "<DBInstance><DBInstanceIdentifier>db-%d</DBInstanceIdentifier><DBInstanceStatus>%s</DBInstanceStatus></DBInstance>", i, status)
	}
	next := ""
	if from+100 < f.size {
		next = fmt.Sprintf("<Marker>%d</Marker>", from+100)
	}
	return respond(r, "text/xml", "<DescribeDBInstancesResponse><DescribeDBInstancesResult><DBInstances>"+found.String()+
		"</DBInstances>"+next+"</DescribeDBInstancesResult></DescribeDBInstancesResponse>")
}

func (f *fleet) account(t *testing.T) *aws.Account {
	t.Helper()
	sessions, err := aws.NewSessions(t.Context(), aws.Options{Load: func(context.Context) (awssdk.Config, error) {
		return awssdk.Config{
			HTTPClient: f, Region: "eu-central-1", Credentials: credentials.NewStaticCredentialsProvider("a", "s", ""),
		}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return sessions.Account(&v1alpha1.PlatformClass{Spec: v1alpha1.PlatformClassSpec{
		Region: "eu-central-1", AccountID: theAccount, Identity: v1alpha1.ClassIdentity{RoleARN: "arn:aws:iam::" + theAccount + ":role/r"},
	}})
}

// RDS allows 12 calls a second, of which the operator takes four fifths and reads seven tenths of those.
const rdsReads = 12 * 0.8 * 0.7

func TestTheListOfAFleetLeavesRoomForOtherReads(t *testing.T) {
	for _, size := range []int{100, 1000, 3000} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				defer time.Sleep(time.Minute) // until a read without a waiting caller has ended
				rds := &fleet{size: size}
				account := rds.account(t)
				if _, err := account.Instances(t.Context()); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
				rds.pages.Store(0)
				began, oldest := time.Now(), time.Duration(0)
				for range 90 {
					time.Sleep(2 * time.Second)
					// The passes of a platform that is being created read the fleet, for its key, and its own instance.
					if _, err := account.Instances(t.Context()); err != nil {
						t.Fatal(err)
					}
					db, at, err := account.Instance(t.Context(), "db-0", false)
					if err != nil || db == nil || *db.DBInstanceStatus != "creating" {
						t.Fatalf("the instance: %v, %v", db, err)
					}
					oldest = max(oldest, time.Since(at))
				}
				if part := float64(rds.pages.Load()) / time.Since(began).Seconds() / rdsReads; part > 0.3 {
					t.Errorf("the list takes %.0f %% of the reads, want at most 30 %%", 100*part)
				}
				if most := 2*time.Second + time.Duration(size)*10*time.Millisecond; oldest > most {
					t.Errorf("a poll was answered by a list %s old, want at most %s", oldest, most)
				}
				_, at, err := account.Instance(t.Context(), "db-1", false)
				if age := time.Since(at); err != nil || age >= 9*time.Second {
					t.Errorf("a quiet platform was answered by a list %s old (%v), want a sweep and a little", age, err)
				}
			})
		})
	}
}
