// Package access says who may come in: people by one-time link and session,
// programs by API token, gateways by username and password. Nobody may by
// default, and there is no secret that was not made here at random.
//
// A Store is one SQLite file (write-ahead log, fsynced at each commit). What it
// promises:
//
//   - A sign-in link works once, within SignInAge. Of many who try it at the same
//     moment one gets in.
//   - A session lasts SessionAge from its last use; signing out, RevokeSessions
//     and RemoveUser end it at once.
//   - A user's new role counts at once, in running sessions and for tokens too.
//   - CheckGateway never waits on the disk, so a broker may call it while it
//     accepts a connection. An enrolment or revocation counts once it is durable.
//   - Session and Token answer from memory what they have answered before.
//   - Only hashes are stored, and no error or log line holds a secret.
//
// # Why a fast hash
//
// All secrets here are 128 or 256 random bits that no one chose. A slow hash such
// as Argon2 protects what can be guessed; nothing here can be, in the lifetime of
// the sun, at any speed. But a thousand gateways that come back together after a
// power cut would each cost the broker a slow hash. So the hash is SHA-256: plain
// for sessions and tokens, which are looked up by it, and salted for gateways,
// so that equal rows never show.
//
// An unknown, expired, used or revoked secret is one and the same error,
// ErrNoAccess: the difference would help only who should not be in.
package access
