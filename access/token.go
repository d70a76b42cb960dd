package access

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
)

// TokenPrefix begins every API token, so that a leaked one is recognised.
const TokenPrefix = "ws_"

// TokenInfo is what may be shown of an API token.
type TokenInfo struct {
	ID      string // names the token in RevokeToken; tells nothing of it
	User    string
	Created time.Time
}

// NewToken makes an API token with the rights of the user, good until it is
// revoked. It is not to be had again. It returns ErrNoUser.
func (s *Store) NewToken(ctx context.Context, user string) (string, error) {
	if _, err := s.User(ctx, user); err != nil {
		return "", err
	}
	token := TokenPrefix + newSecret()
	d := digestOf(token)
	_, err := s.db.ExecContext(ctx, `INSERT INTO tokens (hash, id, user, created) VALUES (?, ?, ?, ?)`, d[:], tokenID(d), user, s.now())
	if err != nil {
		return "", fmt.Errorf("access: making a token for %s: %w", user, err)
	}
	return token, nil
}

// tokenID is 48 bits of the hash.
func tokenID(d digest) string { return hex.EncodeToString(d[:6]) }

// Token says whose token it is. It returns ErrNoAccess.
func (s *Store) Token(ctx context.Context, token string) (User, error) {
	if !strings.HasPrefix(token, TokenPrefix) || len(token) != len(TokenPrefix)+secretLength {
		return User{}, ErrNoAccess
	}
	d := digestOf(token)
	e, ok, generation := s.people.get(d)
	if ok {
		return e.user, nil
	}
	u, err := scanUser(s.db.QueryRowContext(ctx, `SELECT u.id, u.name, u.role FROM tokens t JOIN users u ON u.id = t.user WHERE t.hash = ?`, d[:]))
	if errors.Is(err, sql.ErrNoRows) {
		return User{}, ErrNoAccess
	}
	if err != nil {
		return User{}, err
	}
	s.people.put(d, cached{user: u}, generation)
	return u, nil
}

// Tokens lists all API tokens, oldest first.
func (s *Store) Tokens(ctx context.Context) ([]TokenInfo, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT id, user, created FROM tokens ORDER BY created, id`)
	if err != nil {
		return nil, fmt.Errorf("access: listing tokens: %w", err)
	}
	defer rows.Close()
	var list []TokenInfo
	for rows.Next() {
		var t TokenInfo
		var created int64
		if err := rows.Scan(&t.ID, &t.User, &created); err != nil {
			return nil, fmt.Errorf("access: listing tokens: %w", err)
		}
		t.Created = time.UnixMilli(created).UTC()
		list = append(list, t)
	}
	return list, rows.Err()
}

// RevokeToken ends a token by its ID. It returns ErrNoToken.
func (s *Store) RevokeToken(ctx context.Context, id string) error {
	return s.change(ctx, ErrNoToken, `DELETE FROM tokens WHERE id = ?`, id)
}
