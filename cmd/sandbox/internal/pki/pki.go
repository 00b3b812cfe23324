// Package pki is the sandbox's own certificate authority. Everything the
// sandbox serves speaks TLS with a certificate from it, so that the operator
// under test verifies its peers here exactly as it does in production; only the
// bundle of trusted roots differs.
package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"
)

const (
	certName = "ca.crt"
	keyName  = "ca.key"

	// authorityLife is how long the authority is valid.
	authorityLife = 365 * 24 * time.Hour
	// renewBefore is how early an authority is replaced, so that a sandbox never
	// starts with one that ends while it runs.
	renewBefore = 30 * 24 * time.Hour
	// leafLife is how long an issued certificate is valid; it never outlives the
	// authority.
	leafLife = 90 * 24 * time.Hour
	// backdate forgives clocks that differ a little.
	backdate = 5 * time.Minute
)

// CA issues server certificates. It is safe for concurrent use.
type CA struct {
	file string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// Open loads the authority kept in dir (ca.crt, ca.key), or creates one when a
// file is missing or the authority ends within 30 days. The directory is created
// when missing. Files that are there but unusable are an error, never replaced
// in silence: someone put them there.
func Open(dir string) (*CA, error) {
	ca, err := load(dir)
	switch {
	case err == nil && time.Until(ca.cert.NotAfter) > renewBefore:
		return ca, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("load development CA: %w", err)
	}
	if ca, err = create(dir); err != nil {
		return nil, fmt.Errorf("create development CA: %w", err)
	}
	return ca, nil
}

// File is the path of the authority's certificate, PEM: what clients trust.
func (ca *CA) File() string { return ca.file }

// Issue creates a server certificate, valid for 90 days, for exactly the given
// DNS names and addresses.
func (ca *CA) Issue(names []string, ips []net.IP) (tls.Certificate, error) {
	certPEM, keyPEM, err := ca.issue(names, ips)
	if err != nil {
		return tls.Certificate{}, err
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("pair issued certificate: %w", err)
	}
	return pair, nil
}

// IssueFiles issues as Issue does and writes dir/base.crt (0644) and
// dir/base.key (0600), replacing what is there. It returns both paths.
func (ca *CA) IssueFiles(dir, base string, names []string, ips []net.IP) (certFile, keyFile string, err error) {
	certPEM, keyPEM, err := ca.issue(names, ips)
	if err != nil {
		return "", "", err
	}
	certFile, keyFile = filepath.Join(dir, base+".crt"), filepath.Join(dir, base+".key")
	if err := replace(keyFile, keyPEM, 0o600); err != nil {
		return "", "", fmt.Errorf("write issued key: %w", err)
	}
	if err := replace(certFile, certPEM, 0o644); err != nil {
		return "", "", fmt.Errorf("write issued certificate: %w", err)
	}
	return certFile, keyFile, nil
}

func (ca *CA) issue(names []string, ips []net.IP) (certPEM, keyPEM []byte, err error) {
	if len(names) == 0 && len(ips) == 0 {
		return nil, nil, errors.New("issue certificate: it needs a name or an address")
	}
	end := time.Now().Add(leafLife)
	if end.After(ca.cert.NotAfter) {
		end = ca.cert.NotAfter
	}
	template := &x509.Certificate{
		Subject:     pkix.Name{Organization: []string{"Coach sandbox"}},
		DNSNames:    names,
		IPAddresses: ips,
		NotAfter:    end,
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	certPEM, keyPEM, err = sign(template, ca.cert, ca.key)
	if err != nil {
		return nil, nil, fmt.Errorf("issue certificate: %w", err)
	}
	return certPEM, keyPEM, nil
}

func load(dir string) (*CA, error) {
	file := filepath.Join(dir, certName)
	pair, err := tls.LoadX509KeyPair(file, filepath.Join(dir, keyName))
	if err != nil {
		return nil, err
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok || !pair.Leaf.IsCA {
		return nil, fmt.Errorf("%s is not an EC certificate authority", file)
	}
	return &CA{file: file, cert: pair.Leaf, key: key}, nil
}

// create removes the old certificate first and writes the new one last: after a
// crash in between there is no certificate, and the next Open starts again.
func create(dir string) (*CA, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // the certificate in it is for everyone
		return nil, err
	}
	file := filepath.Join(dir, certName)
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{Organization: []string{"Coach sandbox"}, CommonName: "Coach sandbox CA"},
		NotAfter:              time.Now().Add(authorityLife),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	certPEM, keyPEM, err := sign(template, nil, nil)
	if err != nil {
		return nil, err
	}
	if err := replace(filepath.Join(dir, keyName), keyPEM, 0o600); err != nil {
		return nil, err
	}
	if err := replace(file, certPEM, 0o644); err != nil {
		return nil, err
	}
	return load(dir)
}

// sign creates a new P-256 key and signs the template for it with the parent, or
// with the new key itself when there is no parent.
func sign(template, parent *x509.Certificate, signer *ecdsa.PrivateKey) (certPEM, keyPEM []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	if parent == nil {
		parent, signer = template, key
	}
	template.NotBefore = time.Now().Add(-backdate)
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return nil, nil, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	certPEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
	return certPEM, keyPEM, nil
}

// replace writes a file so that readers see the old or the new content, whole.
func replace(path string, content []byte, mode fs.FileMode) error {
	temporary, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = temporary.Write(content)
	err = errors.Join(err, temporary.Chmod(mode), temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temporary.Name()))
	}
	return nil
}
