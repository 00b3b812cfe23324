package postgres

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/fault"
)

// rdsCASum is the sha256 of rds-ca.pem as it was reviewed.
const rdsCASum = "d8e282f78a6048291501c5ff914d6848d9fdb8095085c6e139dfc406f29d54f2"

// regions are those that AWS publishes authorities for, as far as the source of rds-ca.pem has them.
var regions = []string{
	"af-south-1", "ap-east-1", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-south-2",
	"ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4", "ca-central-1", "eu-central-1",
	"eu-central-2", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-2", "eu-west-3", "me-central-1",
	"me-south-1", "sa-east-1", "us-east-1", "us-east-2", "us-west-1", "us-west-2",
}

func TestThePublicAuthoritiesAreThoseThatWereReviewed(t *testing.T) {
	sum := sha256.Sum256(rdsCA)
	if got := hex.EncodeToString(sum[:]); got != rdsCASum {
		t.Errorf("sha256 of rds-ca.pem is %s, want %s: review what hack/rds-ca/update changed", got, rdsCASum)
	}
	soon := time.Now().AddDate(2, 0, 0)
	for _, c := range blocks(t, rdsCA) {
		name := c.Subject.CommonName
		if !c.IsCA || !c.BasicConstraintsValid || c.CheckSignatureFrom(c) != nil {
			t.Errorf("%s is not the certificate of a root", name)
		}
		if !c.NotBefore.Before(time.Now()) || !c.NotAfter.After(soon) {
			t.Errorf("%s is good from %s to %s, want two more years: run hack/rds-ca/update with a newer version", name, c.NotBefore, c.NotAfter)
		}
		if !rdsRoot.MatchString(name) {
			t.Errorf("%s is of no region", name)
		}
		sum := sha256.Sum256(c.Raw)
		line := fmt.Sprintf("# %s, until %s, sha256 %s\n-----BEGIN", name, c.NotAfter.UTC().Format(time.DateOnly), hex.EncodeToString(sum[:]))
		if !bytes.Contains(rdsCA, []byte(line)) {
			t.Errorf("the comment on %s is not what it is", name)
		}
	}
}

func TestARegionTrustsItsOwnThreeRootsAndNoOthers(t *testing.T) {
	known, err := public()
	if err != nil {
		t.Fatal(err)
	}
	if len(known) != len(regions) {
		t.Errorf("%d regions, want %d", len(known), len(regions))
	}
	for _, region := range regions {
		pool, text, err := Trust(region, "")
		if err != nil {
			t.Errorf("%s: %v", region, err)
			continue
		}
		var names []string
		expect := x509.NewCertPool()
		for _, c := range blocks(t, text) {
			expect.AddCert(c)
			names = append(names, c.Subject.CommonName)
		}
		slices.Sort(names)
		var want []string
		for _, kind := range []string{"ECC384", "RSA2048", "RSA4096"} {
			want = append(want, "Amazon RDS "+region+" Root CA "+kind+" G1")
		}
		if !slices.Equal(names, want) {
			t.Errorf("%s has %v, want %v", region, names, want)
		}
		if !pool.Equal(expect) {
			t.Errorf("%s: pool and PEM differ", region)
		}
	}
}

// blocks parses PEM without the code under test.
func blocks(t *testing.T, text []byte) []*x509.Certificate {
	t.Helper()
	var all []*x509.Certificate
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			break
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		all, text = append(all, c), rest
	}
	if len(all) == 0 {
		t.Fatal("no certificate")
	}
	return all
}

// issued is a certificate that was created for a test.
type issued struct {
	*x509.Certificate
	key  *ecdsa.PrivateKey
	text string
}

// issue returns a certificate that ends at a time: an authority's, or a server's that issuer issued.
func issue(t *testing.T, name string, until time.Time, issuer *issued) *issued {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: until.AddDate(-10, 0, 0), NotAfter: until, BasicConstraintsValid: true, IsCA: issuer == nil,
	}
	m := &issued{key: key}
	if issuer == nil {
		template.KeyUsage, issuer = x509.KeyUsageCertSign, &issued{Certificate: template, key: key}
	} else {
		template.DNSNames = []string{name}
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, issuer.Certificate, &key.PublicKey, issuer.key)
	if err != nil {
		t.Fatal(err)
	}
	if m.Certificate, err = x509.ParseCertificate(raw); err != nil {
		t.Fatal(err)
	}
	m.text = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}))
	return m
}

func TestWhatABundleOfTheClassMayHold(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	one, two := issue(t, "One", now.AddDate(1, 0, 0), nil), issue(t, "Two", now.AddDate(2, 0, 0), nil)
	ended := issue(t, "Ended", now, nil)
	server := issue(t, host, now.AddDate(1, 0, 0), one)
	const canary = "canary-of-a-private-key"
	private := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte(canary)}))
	truncated := strings.Replace(one.text, "-----END CERTIFICATE-----\n", "", 1)
	middle := len(one.text) / 2
	bent := one.text[:middle] + "!" + one.text[middle+1:]
	for name, c := range map[string]struct {
		bundle string
		// want are the names of the authorities, and says what an error must say.
		want []string
		says string
	}{
		"one authority":                              {bundle: one.text, want: []string{"One"}},
		"two of them":                                {bundle: one.text + two.text, want: []string{"One", "Two"}},
		"comments and blank lines":                   {bundle: "# mine\n\n" + one.text + "\n  # and another\n" + two.text + "\n\n", want: []string{"One", "Two"}},
		"one that is commented out":                  {bundle: "#" + strings.ReplaceAll(strings.TrimSpace(one.text), "\n", "\n#") + "\n" + two.text, want: []string{"Two"}},
		"lines that end as on Windows":               {bundle: strings.ReplaceAll(one.text, "\n", "\r\n"), want: []string{"One"}},
		"no line end at the end":                     {bundle: strings.TrimSpace(one.text), want: []string{"One"}},
		"one that has ended beside one that has not": {bundle: ended.text + one.text, want: []string{"Ended", "One"}},
		"one that has not ended before one that has": {bundle: one.text + ended.text, want: []string{"One", "Ended"}},
		"only one that has ended":                    {bundle: ended.text, says: "has ended, the last on 2030-01-01"},
		"blanks":                                     {bundle: " \n", says: "no certificate"},
		"only comments":                              {bundle: "# nothing\n", says: "no certificate"},
		"no PEM":                                     {bundle: canary, says: "text"},
		"text before":                                {bundle: canary + "\n" + one.text, says: "text"},
		"text between":                               {bundle: one.text + canary + "\n" + two.text, says: "text"},
		"text behind":                                {bundle: one.text + canary, says: "text"},
		"a block without its end":                    {bundle: truncated, says: "certificate 1 is damaged"},
		"a block without its end, and another":       {bundle: truncated + two.text, says: "certificate 1 is damaged"},
		"a block that is no base64, and another":     {bundle: bent + two.text, says: "certificate 1 is damaged"},
		"a block that is no certificate's":           {bundle: one.text + string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte(canary)})), says: "certificate 2 is damaged"},
		"a private key":                              {bundle: one.text + private, says: "block 2 is no certificate"},
		"a server's certificate":                     {bundle: server.text, says: "a server's"},
		"too much":                                   {bundle: one.text + strings.Repeat("#\n", maxBundle/2), says: "bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			for range 2 { // the second answer is kept from the first
				pool, text, err := trust("eu-central-1", c.bundle, now)
				if c.says != "" {
					mustBeUnfit(t, err, c.says, canary)
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				expect := x509.NewCertPool()
				var names []string
				for _, c := range blocks(t, text) {
					expect.AddCert(c)
					names = append(names, c.Subject.CommonName)
				}
				if !slices.Equal(names, c.want) || !pool.Equal(expect) {
					t.Errorf("trusted are %v, want %v", names, c.want)
				}
				if again := string(text); strings.Contains(again, "#") || strings.Contains(again, "\r") {
					t.Errorf("the PEM is not clean: %s", again)
				}
			}
		})
	}
}

func mustBeUnfit(t *testing.T, err error, says, canary string) {
	t.Helper()
	if err == nil {
		t.Fatal("it is trusted")
	}
	f := fault.As(err)
	if f.Class != fault.Invalid || f.Reason != v1alpha1.ReasonInvalidSpec {
		t.Errorf("got %s %s", f.Class, f.Reason)
	}
	if !strings.Contains(f.Message, "spec.caBundle of the class") || !strings.Contains(f.Message, says) {
		t.Errorf("the message %q does not say %q", f.Message, says)
	}
	for _, shown := range []string{canary, "canary", "Y2FuYXJ5"} { // as it is, and in base64
		if strings.Contains(err.Error(), shown) {
			t.Errorf("the error repeats what it found: %v", err)
		}
	}
}

func TestABundleThatEndsWhileItIsKnownIsRefused(t *testing.T) {
	until := time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC)
	bundle := issue(t, "Ending", until, nil).text
	if _, _, err := trust("eu-central-1", bundle, until.Add(-time.Second)); err != nil {
		t.Fatal(err)
	}
	_, _, err := trust("eu-central-1", bundle, until)
	mustBeUnfit(t, err, "has ended", "none")
}

func TestABundleIsReadOnceAndNotForEver(t *testing.T) {
	bundle := issue(t, "Kept", time.Now().AddDate(1, 0, 0), nil).text
	first, _, err := Trust("eu-central-1", bundle)
	if err != nil {
		t.Fatal(err)
	}
	if second, _, err := Trust("us-east-1", bundle); err != nil || second != first {
		t.Errorf("the same bundle was read twice: %v", err)
	}
	for i := range 2 * maxParsed {
		if _, _, err := Trust("eu-central-1", bundle+fmt.Sprintf("# %d\n", i)); err != nil {
			t.Fatal(err)
		}
	}
	if n := parsed.Len(); n > maxParsed {
		t.Errorf("%d bundles are kept", n)
	}
}

func TestARegionThatIsNotKnownNeedsABundle(t *testing.T) {
	_, _, err := Trust("cn-north-1", "")
	mustBeUnfit(t, err, "cn-north-1", "none")
	if _, _, err := Trust("cn-north-1", issue(t, "Own", time.Now().AddDate(1, 0, 0), nil).text); err != nil {
		t.Errorf("with a bundle any region will do: %v", err)
	}
}

func TestATLSServerIsTrustedByTheBundleOfItsClassAlone(t *testing.T) {
	until := time.Now().AddDate(1, 0, 0)
	root, unknown := issue(t, "Root", until, nil), issue(t, "Unknown", until, nil)
	leaf := issue(t, host, until, root)
	refusal := &pgproto3.ErrorResponse{Severity: "FATAL", Code: "28P01", Message: "no"}
	for name, c := range map[string]struct {
		bundle string
		reason string
	}{
		"its own authority":        {root.text, v1alpha1.ReasonLoginRefused},
		"another authority":        {unknown.text, v1alpha1.ReasonCertificateRefused},
		"the public ones":          {"", v1alpha1.ReasonCertificateRefused},
		"both, one behind another": {unknown.text + root.text, v1alpha1.ReasonLoginRefused},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRogue(t, func(r *rogue, conn net.Conn) {
				r.certificate = tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: leaf.key}
				answering('S', &tls.Config{MinVersion: tls.VersionTLS12}, refusal)(r, conn)
			})
			roots, _, err := Trust("eu-central-1", c.bundle)
			if err != nil {
				t.Fatal(err)
			}
			r.Roots = roots
			_, err = r.Connect(t.Context(), Login{User: "coach_app", Password: secret, Database: "coach"})
			if f := fault.As(err); f.Reason != c.reason {
				t.Errorf("got %v, want %s", f, c.reason)
			}
		})
	}
}
