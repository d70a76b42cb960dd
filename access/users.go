package access

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Role is what a user may do.
type Role string

const (
	Warden   Role = "warden"   // handles incidents
	Officer  Role = "officer"  // reads everything, verifies
	Operator Role = "operator" // runs the system
)

// Valid reports whether r is one of the roles.
func (r Role) Valid() bool { return r == Warden || r == Officer || r == Operator }

// User is a person who may sign in.
type User struct {
	ID   string
	Name string // what people read; the ID until SetName
	Role Role
}

// validUser allows what a site file may call a person: 1 to 64 bytes that print,
// without spaces.
func validUser(id string) bool {
	return id != "" && len(id) <= 64 && utf8.ValidString(id) &&
		strings.IndexFunc(id, func(c rune) bool { return !unicode.IsGraphic(c) || unicode.IsSpace(c) }) < 0
}

// EnsureUser makes the user, or gives an existing one that role. It returns
// ErrName for an ID or role that cannot be.
func (s *Store) EnsureUser(ctx context.Context, id string, role Role) error {
	if !validUser(id) {
		return fmt.Errorf("%w: user %.80q is to be 1 to 64 bytes that print, without spaces", ErrName, id)
	}
	if !role.Valid() {
		return fmt.Errorf("%w: role %.80q is to be warden, officer or operator", ErrName, role)
	}
	_, err := s.db.ExecContext(ctx, `INSERT INTO users (id, name, role) VALUES (?1, ?1, ?2)
		ON CONFLICT (id) DO UPDATE SET role = excluded.role`, id, role)
	s.people.empty()
	if err != nil {
		return fmt.Errorf("access: making user %s: %w", id, err)
	}
	return nil
}

// SetName sets what people read. It returns ErrNoUser.
func (s *Store) SetName(ctx context.Context, id, name string) error {
	return s.change(ctx, ErrNoUser, `UPDATE users SET name = ?2 WHERE id = ?1`, id, name)
}

// RemoveUser takes the user out, with all sessions, sign-in codes and tokens. It
// returns ErrNoUser.
func (s *Store) RemoveUser(ctx context.Context, id string) error {
	return s.change(ctx, ErrNoUser, `DELETE FROM users WHERE id = ?`, id)
}

// User finds a user. It returns ErrNoUser.
func (s *Store) User(ctx context.Context, id string) (User, error) {
	u, err := scanUser(s.db.QueryRowContext(ctx, `SELECT id, name, role FROM users WHERE id = ?`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return User{}, ErrNoUser
	}
	return u, err
}

// Users lists all users by ID.
func (s *Store) Users(ctx context.Context) ([]User, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT id, name, role FROM users ORDER BY id`)
	if err != nil {
		return nil, fmt.Errorf("access: listing users: %w", err)
	}
	defer rows.Close()
	var list []User
	for rows.Next() {
		u, err := scanUser(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, u)
	}
	return list, rows.Err()
}

type scanner interface{ Scan(...any) error }

func scanUser(row scanner, more ...any) (u User, err error) {
	if err := row.Scan(append([]any{&u.ID, &u.Name, &u.Role}, more...)...); err != nil {
		return User{}, fmt.Errorf("access: reading a user: %w", err)
	}
	return u, nil
}

// change runs a statement that alters or takes away what the cache may hold, and
// answers missing if it touched no row.
func (s *Store) change(ctx context.Context, missing error, query string, args ...any) error {
	res, err := s.db.ExecContext(ctx, query, args...)
	s.people.empty() // even after an error: the commit may have gone through
	if err != nil {
		return fmt.Errorf("access: %w", err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return fmt.Errorf("access: %w", err)
	}
	if n == 0 {
		return missing
	}
	return nil
}
