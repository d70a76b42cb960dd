-- +goose Up
-- All times are Unix milliseconds by the hub's clock.

-- How far the log has been applied. One row.
CREATE TABLE position (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  pos INTEGER NOT NULL
);
INSERT INTO position VALUES (1, 0);

-- The columns are what is searched for; body is the incident as the API gives it.
CREATE TABLE incidents (
  seq      INTEGER PRIMARY KEY AUTOINCREMENT, -- order in which they became known; the list's cursor
  id       TEXT NOT NULL UNIQUE,
  key      TEXT NOT NULL,                     -- zone and family, see keyOf
  live     INTEGER NOT NULL,                  -- 1 until resolved; 0 for what was over when it was found
  state    TEXT NOT NULL,
  hazard   TEXT NOT NULL,
  severity TEXT NOT NULL,
  onset    INTEGER NOT NULL,
  opened   INTEGER NOT NULL,
  until    INTEGER,                           -- cleared, or else resolved; NULL while neither
  body     BLOB NOT NULL
) STRICT;
-- One hazard, one incident: the database itself refuses a second.
CREATE UNIQUE INDEX incidents_one_live ON incidents (key) WHERE live = 1;
CREATE INDEX incidents_key ON incidents (key, seq);
CREATE INDEX incidents_opened ON incidents (opened);

CREATE TABLE incident_places (
  place    TEXT NOT NULL,
  incident TEXT NOT NULL REFERENCES incidents (id) ON DELETE CASCADE,
  PRIMARY KEY (place, incident)
) STRICT, WITHOUT ROWID;

-- Each verdict as the rules gave it, byte for byte: the proof.
CREATE TABLE verdicts (
  pos      INTEGER NOT NULL,
  idx      INTEGER NOT NULL,
  incident TEXT,                              -- NULL where it concerned none
  body     BLOB NOT NULL,
  PRIMARY KEY (pos, idx)
) STRICT, WITHOUT ROWID;
CREATE INDEX verdicts_incident ON verdicts (incident, pos, idx);

-- What a raising verdict says now: an incident is cleared when all of its raises are.
CREATE TABLE raises (
  verdict  TEXT PRIMARY KEY,                  -- ID of the raise
  incident TEXT NOT NULL REFERENCES incidents (id) ON DELETE CASCADE,
  onset    INTEGER NOT NULL,
  cleared  INTEGER                            -- NULL while it holds
) STRICT, WITHOUT ROWID;
CREATE INDEX raises_incident ON raises (incident);

-- The timeline.
CREATE TABLE events (
  seq      INTEGER PRIMARY KEY AUTOINCREMENT,
  incident TEXT NOT NULL REFERENCES incidents (id) ON DELETE CASCADE,
  at       INTEGER NOT NULL,
  body     BLOB NOT NULL
) STRICT;
CREATE INDEX events_incident ON events (incident, seq);

-- Answers given under an idempotency key.
CREATE TABLE answers (
  who      TEXT NOT NULL,
  key      TEXT NOT NULL,
  request  TEXT NOT NULL,                     -- what was asked, so that a key used for something else is noticed
  at       INTEGER NOT NULL,
  body     BLOB NOT NULL,
  PRIMARY KEY (who, key)
) STRICT, WITHOUT ROWID;

-- Escalation clocks. A row lives as long as somebody is still to be paged.
CREATE TABLE escalations (
  incident TEXT PRIMARY KEY REFERENCES incidents (id) ON DELETE CASCADE,
  mode     TEXT NOT NULL,                     -- escalate or once
  step     INTEGER NOT NULL,                  -- steps taken
  round    INTEGER NOT NULL,                  -- passes through the chain, from 1
  paged    TEXT NOT NULL,                     -- JSON list: who was paged in this round
  last     INTEGER NOT NULL,                  -- 1: nobody is left in this round
  wait     INTEGER NOT NULL,                  -- ms between the last step and next_at
  next_at  INTEGER                            -- NULL: waits for the outcome of a page
) STRICT, WITHOUT ROWID;
CREATE INDEX escalations_next ON escalations (next_at);

-- The queue of pages. The unique key is what keeps anybody from being paged twice in a step.
CREATE TABLE pages (
  id       TEXT PRIMARY KEY,                  -- message ID, derived from the unique key below
  incident TEXT NOT NULL REFERENCES incidents (id) ON DELETE CASCADE,
  step     INTEGER NOT NULL,
  round    INTEGER NOT NULL,
  person   TEXT NOT NULL,
  channel  TEXT NOT NULL,
  urgency  INTEGER NOT NULL,                  -- rank of the severity: higher goes first
  state    TEXT NOT NULL,                     -- queued, sending, sent, failed, cancelled
  attempts INTEGER NOT NULL DEFAULT 0,
  queued   INTEGER NOT NULL,
  next_at  INTEGER NOT NULL,
  started  INTEGER,                           -- wall clock of the latest attempt, for the rate limit
  UNIQUE (incident, step, person, channel)
) STRICT, WITHOUT ROWID;
CREATE INDEX pages_due ON pages (channel, state, next_at);
CREATE INDEX pages_incident ON pages (incident, step);

-- +goose Down
DROP TABLE pages;
DROP TABLE escalations;
DROP TABLE answers;
DROP TABLE events;
DROP TABLE raises;
DROP TABLE verdicts;
DROP TABLE incident_places;
DROP TABLE incidents;
DROP TABLE position;
