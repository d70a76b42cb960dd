package access

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

const (
	// SignInAge is how long a sign-in code waits to be used.
	SignInAge = 15 * time.Minute
	// SessionAge is how long a session lasts after its last use.
	SessionAge = 30 * 24 * time.Hour
	// extendEvery is how often a session in use has its end moved on the disk.
	extendEvery = time.Hour
)

// NewSignIn makes a one-time code that signs the user in, good for SignInAge. It
// returns ErrNoUser.
func (s *Store) NewSignIn(ctx context.Context, user string) (code string, err error) {
	if _, err := s.User(ctx, user); err != nil {
		return "", err
	}
	code = newSecret()
	d, now := digestOf(code), s.now()
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		// The place where codes and sessions that nobody came back for are swept.
		for _, sweep := range []string{`DELETE FROM sign_ins WHERE expires <= ?`, `DELETE FROM sessions WHERE expires <= ?`} {
			if _, err := tx.ExecContext(ctx, sweep, now); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO sign_ins (hash, user, expires) VALUES (?, ?, ?)`, d[:], user, now+SignInAge.Milliseconds())
		return err
	})
	if err != nil {
		return "", fmt.Errorf("access: making a sign-in code for %s: %w", user, err)
	}
	return code, nil
}

// RedeemSignIn turns a code into a session, once. It returns ErrNoAccess for a
// code that was used, is too old, or never was.
func (s *Store) RedeemSignIn(ctx context.Context, code string) (session string, u User, err error) {
	if len(code) != secretLength {
		return "", User{}, ErrNoAccess
	}
	session = newSecret()
	used, opened, now := digestOf(code), digestOf(session), s.now()
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		// Deleting is what claims the code: only one can.
		var id string
		err := tx.QueryRowContext(ctx, `DELETE FROM sign_ins WHERE hash = ? AND expires > ? RETURNING user`, used[:], now).Scan(&id)
		if err != nil {
			return err
		}
		if u, err = scanUser(tx.QueryRowContext(ctx, `SELECT id, name, role FROM users WHERE id = ?`, id)); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO sessions (hash, user, expires) VALUES (?, ?, ?)`, opened[:], u.ID, now+SessionAge.Milliseconds())
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return "", User{}, ErrNoAccess
	}
	if err != nil {
		return "", User{}, fmt.Errorf("access: signing in: %w", err)
	}
	return session, u, nil
}

// Session says whose session it is, and makes it last SessionAge from now. It
// returns ErrNoAccess.
func (s *Store) Session(ctx context.Context, session string) (User, error) {
	if len(session) != secretLength {
		return User{}, ErrNoAccess
	}
	d, now := digestOf(session), s.now()
	e, ok, generation := s.people.get(d)
	if !ok {
		var err error
		e.user, err = scanUser(s.db.QueryRowContext(ctx, `SELECT u.id, u.name, u.role, s.expires FROM sessions s JOIN users u ON u.id = s.user
			WHERE s.hash = ?`, d[:]), &e.expires)
		if errors.Is(err, sql.ErrNoRows) {
			return User{}, ErrNoAccess
		}
		if err != nil {
			return User{}, err
		}
	}
	if e.expires <= now {
		return User{}, ErrNoAccess
	}
	changed := !ok
	if end := now + SessionAge.Milliseconds(); end-e.expires >= extendEvery.Milliseconds() {
		// A disk that is full is no reason to turn a warden away who has
		// twenty-nine days left: the next request tries again.
		if _, err := s.db.ExecContext(ctx, `UPDATE sessions SET expires = ? WHERE hash = ?`, end, d[:]); err == nil {
			e.expires, changed = end, true
		}
	}
	if changed {
		s.people.put(d, e, generation)
	}
	return e.user, nil
}

// SignOut ends a session. It returns ErrNoAccess if there is none.
func (s *Store) SignOut(ctx context.Context, session string) error {
	d := digestOf(session)
	return s.change(ctx, ErrNoAccess, `DELETE FROM sessions WHERE hash = ?`, d[:])
}

// RevokeSessions ends all sessions of a user and voids the sign-in codes not yet
// used, as when a phone is lost. It returns ErrNoUser.
func (s *Store) RevokeSessions(ctx context.Context, user string) error {
	if _, err := s.User(ctx, user); err != nil {
		return err
	}
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		for _, q := range []string{`DELETE FROM sessions WHERE user = ?`, `DELETE FROM sign_ins WHERE user = ?`} {
			if _, err := tx.ExecContext(ctx, q, user); err != nil {
				return err
			}
		}
		return nil
	})
	s.people.empty()
	if err != nil {
		return fmt.Errorf("access: ending the sessions of %s: %w", user, err)
	}
	return nil
}
