-- What commands ask of a running service, and how far it is with it; see ControlRequest. Commands write new rows, the
-- service everything else.
CREATE TABLE requests (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  link         TEXT    NOT NULL,
  kind         TEXT    NOT NULL,
  detail       TEXT    NOT NULL,   -- JSON
  state        TEXT    NOT NULL,   -- requested, done, failed
  place        INTEGER NOT NULL,   -- the sequence up to which the log was read for it
  changes      INTEGER NOT NULL,   -- put into the log for it
  last_change  INTEGER NOT NULL,   -- the sequence of the last of them; 0: none
  message      TEXT,               -- why it failed
  requested_at INTEGER NOT NULL,   -- microseconds since 1970, this machine's clock
  updated_at   INTEGER NOT NULL
);
CREATE INDEX requests_open ON requests (id) WHERE state = 'requested';

-- The last comparison of each link that was carried to its end.
CREATE TABLE verifications (
  link        TEXT PRIMARY KEY,
  sample      INTEGER,             -- records that were chosen at random; NULL: all
  compared    INTEGER NOT NULL,
  differences INTEGER NOT NULL,
  in_flight   INTEGER NOT NULL,
  ended_at    INTEGER NOT NULL
) WITHOUT ROWID;

-- What happened since a time, and what is old enough to go.
CREATE INDEX blocks_by_time ON blocks (appended_at);
