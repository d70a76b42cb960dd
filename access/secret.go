package access

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
)

// digest is a secret's SHA-256, by which it is stored and looked up.
type digest [sha256.Size]byte

func digestOf(secret string) digest { return sha256.Sum256([]byte(secret)) }

// newSecret is 256 random bits, safe in a URL, a cookie and a header: 43
// characters. crypto/rand.Read never fails; it ends the program if it must.
func newSecret() string {
	var b [32]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// secretLength is that of newSecret's text.
const secretLength = 43

// passwordLength is that of a gateway's password: 128 random bits in hex.
const passwordLength = 32

func newPassword() string {
	var b [passwordLength / 2]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}
