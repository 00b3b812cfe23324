package rds

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// authority is a certificate authority RDS signs server certificates with.
type authority struct {
	name        string
	from, until time.Time
}

// usualAuthority signs unless another is requested.
const usualAuthority = "rds-ca-rsa2048-g1"

// issued is when AWS issued the authorities of this generation.
var issued = time.Date(2021, 5, 25, 0, 0, 0, 0, time.UTC)

var authorities = []authority{
	{usualAuthority, issued, issued.AddDate(40, 0, 0)},
	{"rds-ca-rsa4096-g1", issued, issued.AddDate(100, 0, 0)},
	{"rds-ca-ecc384-g1", issued, issued.AddDate(100, 0, 0)},
}

func authorityNames() []string {
	list := make([]string, 0, len(authorities))
	for _, a := range authorities {
		list = append(list, a.name)
	}
	return list
}

func knownAuthority(name string) bool {
	for _, a := range authorities {
		if a.name == name {
			return true
		}
	}
	return false
}

type certificate struct {
	CertificateIdentifier string
	CertificateType       string
	Thumbprint            string
	ValidFrom             string
	ValidTill             string
	CertificateArn        string
	CustomerOverride      bool
}

func (r *region) describeCertificates(_ context.Context, q query) (any, error) {
	requested := q.Get("CertificateIdentifier")
	var list []certificate
	for _, a := range authorities {
		if requested != "" && requested != a.name {
			continue
		}
		sum := sha256.Sum256([]byte(a.name))
		list = append(list, certificate{
			CertificateIdentifier: a.name, CertificateType: "CA", Thumbprint: hex.EncodeToString(sum[:20]),
			ValidFrom: a.from.Format(stampLayout), ValidTill: a.until.Format(stampLayout), CertificateArn: r.arn("cert", a.name),
		})
	}
	if requested != "" && list == nil {
		return nil, notFound("CertificateNotFound", "Certificate %s not found", requested)
	}
	page, marker, err := paginate(q, list, 100)
	return struct {
		DefaultCertificateForNewLaunches string
		Certificates                     []certificate `xml:"Certificates>Certificate"`
		Marker                           string        `xml:",omitempty"`
	}{usualAuthority, page, marker}, err
}
