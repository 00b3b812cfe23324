// Reads a list of PEM certificates and prints the roots that RDS uses now, sorted, each once, and each with a
// line that says what it is. Roots of AWS's own previews are left out, and so is what has expired.
//
//   node bundle.js MODULE SOURCE INTEGRITY
const { X509Certificate } = require("node:crypto");
const path = require("node:path");

const [, , file, source, integrity] = process.argv;
const { defaults } = require(path.resolve(file));
const name = /^CN=(Amazon RDS [a-z]{2}(?:-[a-z]+)+-\d Root CA (?:RSA2048|RSA4096|ECC384) G\d+)$/m;

const roots = new Map();
for (const pem of defaults) {
  const certificate = new X509Certificate(pem);
  const cn = name.exec(certificate.subject)?.[1];
  if (!cn || new Date(certificate.validTo) < new Date()) continue;
  if (!certificate.ca || !certificate.checkIssued(certificate) || !certificate.verify(certificate.publicKey)) {
    throw new Error(`${cn} is not a root`);
  }
  const fingerprint = certificate.fingerprint256.replaceAll(":", "").toLowerCase();
  const until = new Date(certificate.validTo).toISOString().slice(0, 10);
  roots.set(fingerprint, `# ${cn}, until ${until}, sha256 ${fingerprint}\n${certificate.toString()}`);
}

console.log(`# The authorities that AWS publishes for RDS, by region:
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html
# Written by hack/rds-ca/update from ${source} (npm),
# ${integrity}. Not to be edited.
`);
process.stdout.write([...roots.values()].sort().join(""));
