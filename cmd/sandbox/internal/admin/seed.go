package admin

// Seeded is what a seeded account holds.
type Seeded struct {
	Account               string     `json:"account"`
	Region                string     `json:"region"`
	VPC                   string     `json:"vpc"`
	PrivateSubnets        []string   `json:"privateSubnets"`
	PublicSubnet          string     `json:"publicSubnet"`
	WorkloadSecurityGroup string     `json:"workloadSecurityGroup"`
	OperatorSecurityGroup string     `json:"operatorSecurityGroup"`
	Instances             []Instance `json:"instances"`
	RoleARN               string     `json:"roleARN"`
	ExternalID            string     `json:"externalID"`
}

// Instance is an EC2 instance.
type Instance struct {
	ID        string `json:"id"`
	PrivateIP string `json:"privateIP"`
}
