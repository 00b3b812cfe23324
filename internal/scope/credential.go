package scope

import (
	"crypto/sha256"
	"encoding/hex"
)

// Fingerprint distinguishes passwords without showing them. It is only for generated passwords, whose
// entropy (at least 128 bits) no search can cover.
func Fingerprint(password string) string {
	sum := sha256.Sum256([]byte("coach-credential:" + password))
	return hex.EncodeToString(sum[:])[:32]
}
