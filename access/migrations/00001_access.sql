-- +goose Up
-- Times are Unix milliseconds. Hashes are SHA-256 of secrets that are never stored.
CREATE TABLE users (
    id   TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('warden', 'officer', 'operator'))
) STRICT, WITHOUT ROWID;

CREATE TABLE sign_ins (
    hash    BLOB PRIMARY KEY,
    user    TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    hash    BLOB PRIMARY KEY,
    user    TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_user ON sessions (user);

CREATE TABLE tokens (
    hash    BLOB PRIMARY KEY,
    id      TEXT NOT NULL UNIQUE,
    user    TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tokens_user ON tokens (user);

CREATE TABLE gateways (
    "group"  TEXT NOT NULL,
    node     TEXT NOT NULL,
    salt     BLOB NOT NULL CHECK (length(salt) = 16),
    hash     BLOB NOT NULL CHECK (length(hash) = 32),
    enrolled INTEGER NOT NULL,
    PRIMARY KEY ("group", node)
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE gateways;
DROP TABLE tokens;
DROP TABLE sessions;
DROP TABLE sign_ins;
DROP TABLE users;
