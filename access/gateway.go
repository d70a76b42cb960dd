package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"log/slog"
	"time"

	"weishao.dev/weishao/telemetry"
)

// Credentials are what a gateway presents to the broker, and the only time that
// its password is seen.
type Credentials struct {
	Group    string `json:"group"`
	Node     string `json:"node"`
	Username string `json:"username"` // "group/node", its MQTT client ID too
	Password string `json:"password"`
}

// String keeps the password out of texts made with %v.
func (c Credentials) String() string { return c.Username }

// GoString keeps it out of those made with %#v.
func (c Credentials) GoString() string { return c.Username }

// LogValue keeps it out of logs.
func (c Credentials) LogValue() slog.Value { return slog.StringValue(c.Username) }

// GatewayInfo is what may be shown of an enrolled gateway.
type GatewayInfo struct {
	Group, Node string
	Enrolled    time.Time // when its present password was made
}

// gateway is what a password is checked against.
type gateway struct {
	info GatewayInfo
	salt [16]byte
	hash digest
}

func saltedDigest(salt [16]byte, password string) digest {
	return sha256.Sum256(append(salt[:], password...))
}

// EnrolGateway makes credentials for a gateway. Those it had before stop working
// (for new connections; the one that is open is the broker's to cut). It returns
// ErrName.
func (s *Store) EnrolGateway(ctx context.Context, group, node string) (Credentials, error) {
	for _, name := range [...]string{group, node} {
		if !telemetry.ValidName(name) {
			return Credentials{}, fmt.Errorf("%w: %.80q is to be 1 to 64 letters, digits, '.', '_' or '-'", ErrName, name)
		}
	}
	c := Credentials{Group: group, Node: node, Username: telemetry.NodeID(group, node), Password: newPassword()}
	g := gateway{info: GatewayInfo{Group: group, Node: node, Enrolled: time.UnixMilli(s.now()).UTC()}}
	rand.Read(g.salt[:])
	g.hash = saltedDigest(g.salt, c.Password)

	s.enrolling.Lock()
	defer s.enrolling.Unlock()
	_, err := s.db.ExecContext(ctx, `INSERT INTO gateways ("group", node, salt, hash, enrolled) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET salt = excluded.salt, hash = excluded.hash, enrolled = excluded.enrolled`,
		group, node, g.salt[:], g.hash[:], g.info.Enrolled.UnixMilli())
	if err != nil {
		return Credentials{}, fmt.Errorf("access: enrolling %s: %w", c.Username, err)
	}
	s.gates.Lock()
	s.gateways[c.Username] = g
	s.gates.Unlock()
	return c, nil
}

// RevokeGateway makes a gateway's credentials useless for new connections. It
// returns ErrNoGateway.
func (s *Store) RevokeGateway(ctx context.Context, group, node string) error {
	s.enrolling.Lock()
	defer s.enrolling.Unlock()
	username := telemetry.NodeID(group, node)
	// Out of the map first: should the disk fail, it is shut out at least until
	// the next start, and the operator is told.
	s.gates.Lock()
	delete(s.gateways, username)
	s.gates.Unlock()
	res, err := s.db.ExecContext(ctx, `DELETE FROM gateways WHERE "group" = ? AND node = ?`, group, node)
	if err != nil {
		return fmt.Errorf("access: revoking %s: shut out for now, but it may come back when the hub starts again: %w", username, err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return fmt.Errorf("access: revoking %s: %w", username, err)
	}
	if n == 0 {
		return ErrNoGateway
	}
	return nil
}

// CheckGateway reports whether the password is the gateway's. It reads memory
// only, and takes as long for a wrong password as for the right one.
func (s *Store) CheckGateway(username, password string) bool {
	s.gates.RLock()
	g, known := s.gateways[username]
	s.gates.RUnlock()
	if len(password) != passwordLength {
		return false
	}
	sum := saltedDigest(g.salt, password)
	return subtle.ConstantTimeCompare(sum[:], g.hash[:]) == 1 && known
}

// Gateway reports whether the gateway of that username is enrolled.
func (s *Store) Gateway(username string) bool {
	s.gates.RLock()
	defer s.gates.RUnlock()
	_, known := s.gateways[username]
	return known
}

// Gateways lists the enrolled gateways by name.
func (s *Store) Gateways(ctx context.Context) ([]GatewayInfo, error) {
	var list []GatewayInfo
	err := s.eachGateway(ctx, func(g gateway) { list = append(list, g.info) })
	return list, err
}

func (s *Store) loadGateways(ctx context.Context) error {
	return s.eachGateway(ctx, func(g gateway) {
		s.gateways[telemetry.NodeID(g.info.Group, g.info.Node)] = g
	})
}

func (s *Store) eachGateway(ctx context.Context, f func(gateway)) error {
	rows, err := s.db.QueryContext(ctx, `SELECT "group", node, salt, hash, enrolled FROM gateways ORDER BY "group", node`)
	if err != nil {
		return fmt.Errorf("access: listing gateways: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var g gateway
		var salt, hash []byte
		var enrolled int64
		if err := rows.Scan(&g.info.Group, &g.info.Node, &salt, &hash, &enrolled); err != nil {
			return fmt.Errorf("access: listing gateways: %w", err)
		}
		if len(salt) != len(g.salt) || len(hash) != len(g.hash) {
			return fmt.Errorf("access: the row of gateway %s/%s is damaged: restore the file from a backup", g.info.Group, g.info.Node)
		}
		g.salt, g.hash = [16]byte(salt), digest(hash)
		g.info.Enrolled = time.UnixMilli(enrolled).UTC()
		f(g)
	}
	return rows.Err()
}
