package postgres

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	_ "embed" // rds-ca.pem
	"encoding/pem"
	"fmt"
	"regexp"
	"sync"
	"time"

	"k8s.io/utils/clock"
	"k8s.io/utils/lru"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/fault"
)

const (
	// maxBundle is what the class's caBundle may hold.
	maxBundle = 256 << 10
	// maxParsed is how many bundles are kept parsed: one for each class that has one, in nearly all clusters.
	maxParsed = 32
	// typeCertificate is the only PEM block that a bundle may hold.
	typeCertificate = "CERTIFICATE"
)

// rdsCA holds the authorities that AWS publishes for RDS; hack/rds-ca/update writes it.
//
//go:embed rds-ca.pem
var rdsCA []byte

// rdsRoot is how AWS names the authorities of a region.
var rdsRoot = regexp.MustCompile(`^Amazon RDS ([a-z]{2}(?:-[a-z]+)+-[0-9]) Root CA [A-Z]+[0-9]+ G[0-9]+$`)

// authorities may vouch for a server.
type authorities struct {
	pool *x509.CertPool
	pem  []byte
	// until is when the last of them ends.
	until time.Time
}

// parsed keeps bundles of classes by their content, and public those of AWS by region.
var (
	parsed = lru.New(maxParsed)
	public = sync.OnceValues(byRegion)
)

// Trust returns the authorities that may vouch for a database in a region, and the same as PEM: those of
// the class's bundle and no others if it has one, else those that AWS publishes for the region. Neither
// result may be changed: equal bundles share them. An error is a fault that says what to change in the class.
func Trust(region, bundle string) (*x509.CertPool, []byte, error) {
	return trust(region, bundle, clock.RealClock{}.Now())
}

func trust(region, bundle string, now time.Time) (*x509.CertPool, []byte, error) {
	if bundle == "" {
		return trustPublic(region)
	}
	a, err := bundled(bundle)
	if err != nil {
		return nil, nil, err
	}
	if !now.Before(a.until) {
		return nil, nil, unfit("every certificate in it has ended, the last on %s; replace them", a.until.Format(time.DateOnly))
	}
	return a.pool, a.pem, nil
}

func trustPublic(region string) (*x509.CertPool, []byte, error) {
	regions, err := public()
	if err != nil {
		return nil, nil, err
	}
	a := regions[region]
	if a == nil {
		return nil, nil, fault.New(fault.Invalid, v1alpha1.ReasonInvalidSpec,
			"the operator knows no public authorities of RDS in %s; give those that AWS publishes for the region in spec.caBundle of "+
				"the class (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html)", region)
	}
	return a.pool, a.pem, nil
}

// reading is what came of reading a bundle.
type reading struct {
	*authorities
	err error
}

// bundled returns the authorities of a class's bundle; the same bundle is read once, however many platforms
// ask.
func bundled(bundle string) (*authorities, error) {
	key := sha256.Sum256([]byte(bundle))
	if known, ok := parsed.Get(key); ok {
		if r, ok := known.(reading); ok {
			return r.authorities, r.err
		}
	}
	var r reading
	all, err := certificates([]byte(bundle))
	if err != nil {
		r.err = err
	} else {
		r.authorities = newAuthorities(all)
	}
	parsed.Add(key, r)
	return r.authorities, r.err
}

// byRegion sorts the public authorities.
func byRegion() (map[string]*authorities, error) {
	all, err := certificates(rdsCA)
	if err != nil {
		return nil, fmt.Errorf("reading the public authorities: %w", err)
	}
	grouped := map[string][]*x509.Certificate{}
	for _, c := range all {
		if named := rdsRoot.FindStringSubmatch(c.Subject.CommonName); named != nil {
			grouped[named[1]] = append(grouped[named[1]], c)
		}
	}
	regions := make(map[string]*authorities, len(grouped))
	for region, group := range grouped {
		regions[region] = newAuthorities(group)
	}
	return regions, nil
}

func newAuthorities(all []*x509.Certificate) *authorities {
	a := &authorities{pool: x509.NewCertPool()}
	for _, c := range all {
		a.pool.AddCert(c)
		a.pem = append(a.pem, pem.EncodeToMemory(&pem.Block{Type: typeCertificate, Bytes: c.Raw})...)
		if c.NotAfter.After(a.until) {
			a.until = c.NotAfter
		}
	}
	return a
}

// begins is how a PEM block begins.
var begins = []byte("-----BEGIN ")

// certificates reads PEM that holds authorities, blank lines and comments, and nothing else: what is passed
// over in silence would be an authority that somebody believes in. No error repeats what it found, since
// that may be a private key.
func certificates(text []byte) ([]*x509.Certificate, error) {
	if len(text) > maxBundle {
		return nil, unfit("it has more than %d bytes; leave out what vouches for no database", maxBundle)
	}
	text = withoutComments(text)
	var all []*x509.Certificate
	for len(text) > 0 {
		number := len(all) + 1
		if !bytes.HasPrefix(text, begins) {
			return nil, unfit("there is text before or after certificate %d that is none; keep PEM blocks, and comments on lines that "+
				"begin with #", max(1, number-1))
		}
		block, rest := pem.Decode(text)
		// A damaged block is passed over by the decoder, which goes on to the next one.
		if block == nil || bytes.Count(text[:len(text)-len(rest)], begins) != 1 {
			return nil, unfit("certificate %d is damaged; copy it again, whole", number)
		}
		c, err := authority(block, number)
		if err != nil {
			return nil, err
		}
		all, text = append(all, c), bytes.TrimSpace(rest)
	}
	if len(all) == 0 {
		return nil, unfit("it holds no certificate; give PEM blocks that begin with -----BEGIN CERTIFICATE-----, or leave it out")
	}
	return all, nil
}

// withoutComments returns the text without lines that begin with #.
func withoutComments(text []byte) []byte {
	var kept []byte
	for line := range bytes.Lines(text) {
		if !bytes.HasPrefix(bytes.TrimSpace(line), []byte("#")) {
			kept = append(kept, line...)
		}
	}
	return bytes.TrimSpace(kept)
}

// authority reads one block.
func authority(block *pem.Block, number int) (*x509.Certificate, error) {
	if block.Type != typeCertificate {
		return nil, unfit("its PEM block %d is no certificate; remove it, and if it is a private key, take it as known to others and replace it",
			number)
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, unfit("certificate %d is damaged; copy it again, whole", number)
	}
	if c.Version >= 3 && !c.IsCA {
		return nil, unfit("certificate %d is a server's and no authority's; give that of the authority that issued it", number)
	}
	return c, nil
}

// unfit is the fault of a bundle that cannot be used.
func unfit(format string, args ...any) error {
	return fault.New(fault.Invalid, v1alpha1.ReasonInvalidSpec, "spec.caBundle of the class cannot be used: "+format, args...)
}
