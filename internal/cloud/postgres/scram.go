package postgres

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
)

const (
	// iterations is PostgreSQL's own default of scram_iterations.
	iterations = 4096
	saltBytes  = 16
)

// Verifier returns what PostgreSQL stores for a password, so that the password itself is in no statement
// and in no log of the server. The password must be ASCII, as generated ones are: others would need
// SASLprep. https://www.postgresql.org/docs/current/catalog-pg-authid.html
func Verifier(password string) (string, error) {
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt) // it never fails
	return verifier(password, salt, iterations)
}

// verifier is RFC 5802, section 3, in PostgreSQL's notation.
func verifier(password string, salt []byte, iterations int) (string, error) {
	salted, err := pbkdf2.Key(sha256.New, password, salt, iterations, sha256.Size)
	if err != nil {
		return "", fmt.Errorf("making a verifier: %w", err)
	}
	stored := sha256.Sum256(mac(salted, "Client Key"))
	text := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", iterations, text(salt), text(stored[:]), text(mac(salted, "Server Key"))), nil
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
