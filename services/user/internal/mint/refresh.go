package mint

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"

	"github.com/google/uuid"

	"seaport.example/services/user/internal/user"
)

// A refresh token is, in base64url: a version (1 byte), the family it belongs to (16 bytes, a UUID), its number
// in it (4 bytes, big-endian), and an HMAC-SHA256 over all that. So one that is none of ours is told without
// reading anything.
const (
	version    = 1
	signedSize = 1 + 16 + 4
)

// encoding is strict: a token has one spelling.
var encoding = base64.RawURLEncoding.Strict()

// refreshSize is how many characters a refresh token has.
var refreshSize = encoding.EncodedLen(signedSize + sha256.Size)

// Refresh returns a refresh token.
func (m *Mint) Refresh(family string, counter uint32) (string, error) {
	secret := m.secret.Load()
	if secret == nil {
		return "", errNoKeys
	}
	id, err := uuid.Parse(family)
	if err != nil {
		return "", fmt.Errorf("make a refresh token: %w", err)
	}
	signed := append([]byte{version}, id[:]...)
	signed = binary.BigEndian.AppendUint32(signed, counter)
	return encoding.EncodeToString(append(signed, sum(*secret, signed)...)), nil
}

// Open returns what a refresh token says.
func (m *Mint) Open(raw string) (family string, counter uint32, err error) {
	secret := m.secret.Load()
	if secret == nil {
		return "", 0, errNoKeys
	}
	if len(raw) != refreshSize {
		return "", 0, user.ErrForeign
	}
	data, err := encoding.DecodeString(raw)
	if err != nil {
		return "", 0, user.ErrForeign
	}
	signed, shown := data[:signedSize], data[signedSize:]
	if !hmac.Equal(shown, sum(*secret, signed)) || signed[0] != version {
		return "", 0, user.ErrForeign
	}
	id, err := uuid.FromBytes(signed[1:17])
	if err != nil {
		return "", 0, user.ErrForeign
	}
	return id.String(), binary.BigEndian.Uint32(signed[17:]), nil
}

func sum(secret, signed []byte) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write(signed)
	return mac.Sum(nil)
}
