package pki_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/pki"
)

func open(t *testing.T, dir string) *pki.CA {
	t.Helper()
	ca, err := pki.Open(dir)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return ca
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func pool(t *testing.T, ca *pki.CA) *x509.CertPool {
	t.Helper()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(read(t, ca.File()))) {
		t.Fatal("the CA file holds no certificate")
	}
	return roots
}

func TestIssuedCertificatesAreGoodForTheirNamesOnly(t *testing.T) {
	t.Parallel()
	ca := open(t, filepath.Join(t.TempDir(), "made", "when", "missing"))
	issued, err := ca.Issue([]string{"db.example.test"}, []net.IP{net.IPv4(127, 66, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	other := open(t, t.TempDir())
	cases := map[string]struct {
		name  string
		roots *x509.CertPool
		usage x509.ExtKeyUsage
		good  bool
	}{
		"its name":                     {"db.example.test", pool(t, ca), x509.ExtKeyUsageServerAuth, true},
		"its address":                  {"127.66.0.1", pool(t, ca), x509.ExtKeyUsageServerAuth, true},
		"another name":                 {"other.example.test", pool(t, ca), x509.ExtKeyUsageServerAuth, false},
		"another address":              {"127.66.0.2", pool(t, ca), x509.ExtKeyUsageServerAuth, false},
		"its name under another CA":    {"db.example.test", pool(t, other), x509.ExtKeyUsageServerAuth, false},
		"its name, to act as a client": {"db.example.test", pool(t, ca), x509.ExtKeyUsageClientAuth, false},
	}
	for sentence, test := range cases {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			_, err := issued.Leaf.Verify(x509.VerifyOptions{
				DNSName: test.name, Roots: test.roots, KeyUsages: []x509.ExtKeyUsage{test.usage},
			})
			if (err == nil) != test.good {
				t.Errorf("verify: %v, want good=%t", err, test.good)
			}
		})
	}
	if issued.Leaf.NotAfter.After(time.Now().Add(91 * 24 * time.Hour)) {
		t.Errorf("valid until %s", issued.Leaf.NotAfter)
	}
}

func TestACertificateForNothingIsAnError(t *testing.T) {
	t.Parallel()
	ca := open(t, t.TempDir())
	if _, err := ca.Issue(nil, nil); err == nil {
		t.Error("issued a certificate without a name")
	}
	if _, _, err := ca.IssueFiles(t.TempDir(), "server", nil, nil); err == nil {
		t.Error("wrote a certificate without a name")
	}
}

func TestFilesAreAPairAndTheKeyIsPrivate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ca := open(t, dir)
	certFile, keyFile, err := ca.IssueFiles(dir, "server", []string{"db.example.test"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tls.LoadX509KeyPair(certFile, keyFile); err != nil {
		t.Errorf("load pair: %v", err)
	}
	modes := map[string]fs.FileMode{"ca.crt": 0o644, "ca.key": 0o600, "server.crt": 0o644, "server.key": 0o600}
	for name, want := range modes {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", name, got, want)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != len(modes) {
		t.Errorf("files %v, %v; want only %v", entries, err, modes)
	}
}

func TestOpenKeepsOrReplacesTheAuthority(t *testing.T) {
	t.Parallel()
	day := 24 * time.Hour
	cases := map[string]struct {
		prepare func(t *testing.T, dir string)
		kept    bool
		fails   bool
	}{
		"one that is long valid is kept": {
			prepare: func(t *testing.T, dir string) { t.Helper(); write(t, dir, 60*day, true) }, kept: true,
		},
		"one that ends soon is replaced": {
			prepare: func(t *testing.T, dir string) { t.Helper(); write(t, dir, 10*day, true) },
		},
		"one that has ended is replaced": {
			prepare: func(t *testing.T, dir string) { t.Helper(); write(t, dir, -day, true) },
		},
		"a certificate without its key is replaced": {
			prepare: func(t *testing.T, dir string) { t.Helper(); write(t, dir, 60*day, true); remove(t, dir, "ca.key") },
		},
		"a key without its certificate is replaced": {
			prepare: func(t *testing.T, dir string) {
				t.Helper()
				write(t, dir, 60*day, true)
				if err := os.WriteFile(
					filepath.Join(dir, "ca.crt.old"),
					[]byte(read(t, filepath.Join(dir, "ca.crt"))),
					0o600,
				); err != nil {
					t.Fatal(err)
				}
				remove(t, dir, "ca.crt")
			},
		},
		"a server's certificate is an error": {
			prepare: func(t *testing.T, dir string) { t.Helper(); write(t, dir, 60*day, false) },
			kept:    true,
			fails:   true,
		},
		"what is no certificate is an error": {
			prepare: func(t *testing.T, dir string) {
				t.Helper()
				write(t, dir, 60*day, true)
				if err := os.WriteFile(filepath.Join(dir, "ca.crt"), []byte("nonsense"), 0o600); err != nil {
					t.Fatal(err)
				}
			}, kept: true, fails: true,
		},
	}
	for sentence, test := range cases {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			test.prepare(t, dir)
			before, _ := os.ReadFile(filepath.Join(dir, "ca.crt"))
			ca, err := pki.Open(dir)
			if (err != nil) != test.fails {
				t.Fatalf("open: %v, want failure=%t", err, test.fails)
			}
			after, err := os.ReadFile(filepath.Join(dir, "ca.crt"))
			if err != nil {
				t.Fatal(err)
			}
			if kept := string(before) == string(after); kept != test.kept {
				t.Errorf("kept=%t, want %t", kept, test.kept)
			}
			if ca != nil {
				checkIssues(t, ca)
			}
		})
	}
}

func checkIssues(t *testing.T, ca *pki.CA) {
	t.Helper()
	issued, err := ca.Issue([]string{"db.example.test"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := issued.Leaf.Verify(x509.VerifyOptions{DNSName: "db.example.test", Roots: pool(t, ca)}); err != nil {
		t.Errorf("verify: %v", err)
	}
}

func remove(t *testing.T, dir, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
}

// write puts a self-signed certificate in place that ends after life.
func write(t *testing.T, dir string, life time.Duration, authority bool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		NotBefore:             time.Now().Add(-48 * time.Hour),
		NotAfter:              time.Now().Add(life),
		IsCA:                  authority,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]*pem.Block{
		"ca.crt": {Type: "CERTIFICATE", Bytes: der},
		"ca.key": {Type: "PRIVATE KEY", Bytes: secret},
	}
	for name, block := range files {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
