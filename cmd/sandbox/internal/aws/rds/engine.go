package rds

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// newestMinor is the newest minor version offered of each PostgreSQL major.
var newestMinor = map[int]int{14: 19, 15: 14, 16: 10, 17: 6, 18: 1}

// oldestMinor is the oldest one still offered.
var oldestMinor = map[int]int{14: 15, 15: 10, 16: 6, 17: 2, 18: 1}

// defaultMajor is taken when a request names no version.
const defaultMajor = 17

// engineVersion completes a requested version: "16" is the newest minor version of 16.
func engineVersion(requested string) (string, error) {
	if requested == "" {
		requested = strconv.Itoa(defaultMajor)
	}
	majorText, minorText, exact := strings.Cut(requested, ".")
	m, err := strconv.Atoi(majorText)
	newest, offered := newestMinor[m]
	if err != nil || !offered {
		return "", invalidCombination("Cannot find version %s for postgres", requested)
	}
	if !exact {
		return fmt.Sprintf("%d.%d", m, newest), nil
	}
	minor, err := strconv.Atoi(minorText)
	if err != nil || minor > newest || minor < oldestMinor[m] {
		return "", invalidCombination("Cannot find version %s for postgres", requested)
	}
	return requested, nil
}

// compareVersions orders engine versions.
func compareVersions(a, b string) int {
	majorA, minorA := split(a)
	majorB, minorB := split(b)
	return cmp.Or(cmp.Compare(majorA, majorB), cmp.Compare(minorA, minorB))
}

func split(version string) (first, second int) {
	a, b, _ := strings.Cut(version, ".")
	first, _ = strconv.Atoi(a)  // versions here come from engineVersion
	second, _ = strconv.Atoi(b) // an absent minor is 0
	return first, second
}

func family(version string) string { return "postgres" + major(version) }

// versionsOffered is every version, oldest first.
func versionsOffered() []string {
	var all []string
	for m, newest := range newestMinor {
		for minor := oldestMinor[m]; minor <= newest; minor++ {
			all = append(all, fmt.Sprintf("%d.%d", m, minor))
		}
	}
	slices.SortFunc(all, compareVersions)
	return all
}

// upgrades is what a version may be upgraded to in place: later minors, and the
// newest minor of later majors.
func upgrades(from string) []string {
	var targets []string
	for _, to := range versionsOffered() {
		sameMajor := major(to) == major(from)
		toMajor, toMinor := split(to)
		if compareVersions(to, from) > 0 && (sameMajor || toMinor == newestMinor[toMajor]) {
			targets = append(targets, to)
		}
	}
	return targets
}

type engineVersionInfo struct {
	Engine                                    string
	EngineVersion                             string
	DBParameterGroupFamily                    string
	DBEngineDescription                       string
	DBEngineVersionDescription                string
	ValidUpgradeTarget                        []upgradeTarget `xml:"ValidUpgradeTarget>UpgradeTarget"`
	ExportableLogTypes                        []string        `xml:"ExportableLogTypes>member"`
	SupportsLogExportsToCloudwatch            bool            `xml:"SupportsLogExportsToCloudwatchLogs"`
	SupportsReadReplica                       bool
	SupportedCACertificateIdentifiers         []string `xml:"SupportedCACertificateIdentifiers>member"`
	SupportsCertificateRotationWithoutRestart bool
	MajorEngineVersion                        string
	Status                                    string
}

type upgradeTarget struct {
	Engine                string
	EngineVersion         string
	Description           string
	AutoUpgrade           bool
	IsMajorVersionUpgrade bool
}

func describeVersion(version string) engineVersionInfo {
	info := engineVersionInfo{
		Engine: engine, EngineVersion: version, DBParameterGroupFamily: family(version),
		DBEngineDescription: "PostgreSQL", DBEngineVersionDescription: "PostgreSQL " + version,
		ExportableLogTypes: logTypes, SupportsLogExportsToCloudwatch: true, SupportsReadReplica: true,
		SupportedCACertificateIdentifiers: authorityNames(), SupportsCertificateRotationWithoutRestart: true,
		MajorEngineVersion: major(version), Status: "available",
	}
	for _, to := range upgrades(version) {
		info.ValidUpgradeTarget = append(info.ValidUpgradeTarget, upgradeTarget{
			Engine: engine, EngineVersion: to, Description: "PostgreSQL " + to, IsMajorVersionUpgrade: major(to) != major(version),
		})
	}
	return info
}

func (*region) describeEngineVersions(_ context.Context, q query) (any, error) {
	if requested := q.Get("Engine"); requested != "" && requested != engine {
		return struct{ DBEngineVersions struct{} }{}, nil
	}
	var list []engineVersionInfo
	requested := q.Get("EngineVersion")
	newestOf := map[string]string{}
	for _, version := range versionsOffered() {
		newestOf[major(version)] = version
	}
	for _, version := range versionsOffered() {
		fits := requested == "" || requested == version || requested == major(version)
		wantedFamily := q.Get("DBParameterGroupFamily")
		if !fits || (wantedFamily != "" && wantedFamily != family(version)) {
			continue
		}
		if q.Bool("DefaultOnly", false) && version != newestOf[major(version)] {
			continue
		}
		list = append(list, describeVersion(version))
	}
	page, marker, err := paginate(q, list, 100)
	return struct {
		Marker           string              `xml:",omitempty"`
		DBEngineVersions []engineVersionInfo `xml:"DBEngineVersions>DBEngineVersion"`
	}{marker, page}, err
}

// classes are the instance classes offered.
var classes = []string{
	"db.m6g.large", "db.m7g.large", "db.m7g.xlarge", "db.r6g.large", "db.r7g.large", "db.r7g.xlarge", "db.t3.large",
	"db.t3.medium", "db.t3.micro", "db.t3.small", "db.t4g.large", "db.t4g.medium", "db.t4g.micro", "db.t4g.small",
}

type orderable struct {
	Engine                            string
	EngineVersion                     string
	DBInstanceClass                   string
	LicenseModel                      string
	AvailabilityZones                 []zone `xml:"AvailabilityZones>AvailabilityZone"`
	MultiAZCapable                    bool
	VPC                               bool `xml:"Vpc"`
	SupportsStorageEncryption         bool
	StorageType                       string
	SupportsIops                      bool
	SupportsIAMDatabaseAuthentication bool
	MinStorageSize                    int
	MaxStorageSize                    int
	SupportsStorageAutoscaling        bool
}

func (r *region) describeOrderable(_ context.Context, q query) (any, error) {
	var list []orderable
	for _, class := range classes {
		for _, version := range versionsOffered() {
			if (q.Has("EngineVersion") && q.Get("EngineVersion") != version) ||
				(q.Has("DBInstanceClass") && q.Get("DBInstanceClass") != class) {
				continue
			}
			list = append(list, orderable{
				Engine: engine, EngineVersion: version, DBInstanceClass: class, LicenseModel: license,
				AvailabilityZones: []zone{{r.place.region + "a"}, {r.place.region + "b"}, {r.place.region + "c"}},
				MultiAZCapable:    true, VPC: true, SupportsStorageEncryption: true, StorageType: "gp3", SupportsIops: true,
				SupportsIAMDatabaseAuthentication: true, MinStorageSize: 20, MaxStorageSize: 65536, SupportsStorageAutoscaling: true,
			})
		}
	}
	page, marker, err := paginate(q, list, 100)
	return struct {
		Marker                     string      `xml:",omitempty"`
		OrderableDBInstanceOptions []orderable `xml:"OrderableDBInstanceOptions>OrderableDBInstanceOption"`
	}{marker, page}, err
}
