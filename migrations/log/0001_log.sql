-- The log of a Tidemark service: changes in blocks, watermarks, record states, and what waits for someone.
-- Written by one process at a time (the lease file beside the log); read by any.

-- The last sequence handed out: blocks are removed in time, sequences are never used again.
CREATE TABLE log_end (
  id            INTEGER PRIMARY KEY CHECK (id = 1),
  last_sequence INTEGER NOT NULL,
  -- Tells this log from every other one, so that idempotency keys never repeat.
  identity      TEXT    NOT NULL
);
INSERT INTO log_end VALUES (1, 0, lower(hex(randomblob(8))));

-- One row frames the changes of one batch: see BlockCodec for the frames and their checksums.
CREATE TABLE blocks (
  first_sequence INTEGER PRIMARY KEY,
  last_sequence  INTEGER NOT NULL,
  source         TEXT    NOT NULL,
  appended_at    INTEGER NOT NULL, -- microseconds since 1970, this machine's clock
  key_hashes     BLOB    NOT NULL, -- four bytes a change, in sequence order
  frames         BLOB    NOT NULL
);

-- Which blocks hold changes of an endpoint, so that a link reads only its own.
CREATE TABLE block_endpoints (
  endpoint       TEXT    NOT NULL,
  first_sequence INTEGER NOT NULL,
  changes        INTEGER NOT NULL,
  oldest_commit  INTEGER NOT NULL, -- microseconds since 1970, the source's clock
  PRIMARY KEY (endpoint, first_sequence)
) WITHOUT ROWID;

CREATE TABLE capture_watermarks (
  source     TEXT PRIMARY KEY,
  epoch      TEXT    NOT NULL,
  place      TEXT    NOT NULL,
  changes    INTEGER NOT NULL, -- captured in all
  updated_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE replay_watermarks (
  link       TEXT    NOT NULL,
  direction  INTEGER NOT NULL, -- 0 push, 1 pull
  sequence   INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (link, direction)
) WITHOUT ROWID;

-- How many changes of a link ended in which way.
CREATE TABLE settled_counts (
  link       TEXT    NOT NULL,
  direction  INTEGER NOT NULL,
  ending     TEXT    NOT NULL,
  changes    INTEGER NOT NULL,
  PRIMARY KEY (link, direction, ending)
) WITHOUT ROWID;

CREATE TABLE record_states (
  link           TEXT NOT NULL,
  local_key      TEXT NOT NULL,
  remote_key     TEXT NOT NULL,
  base           TEXT,             -- JSON of the linked fields both sides are known to share; NULL: deleted
  is_agreed      INTEGER NOT NULL, -- 1: both sides held exactly the base when this was written
  local_version  TEXT,
  local_stamp    INTEGER,
  remote_version TEXT,
  remote_stamp   INTEGER,
  sequence       INTEGER NOT NULL, -- the change that was settled last
  updated_at     INTEGER NOT NULL,
  PRIMARY KEY (link, local_key)
) WITHOUT ROWID;
CREATE UNIQUE INDEX record_states_by_remote_key ON record_states (link, remote_key);

-- What a two-way link was about to write when it was last heard of. Removed when the change is settled: what is found
-- here at a delivery was interrupted, and may or may not have been written.
CREATE TABLE intents (
  link       TEXT    NOT NULL,
  direction  INTEGER NOT NULL,
  key        TEXT    NOT NULL,     -- at the source
  fields     TEXT    NOT NULL,     -- JSON of the linked fields to be written
  is_create  INTEGER NOT NULL,
  PRIMARY KEY (link, direction, key)
) WITHOUT ROWID;

-- Changes that could not be delivered yet. The first of a key is tried again, the others stand behind it.
CREATE TABLE waiting_changes (
  link       TEXT    NOT NULL,
  direction  INTEGER NOT NULL,
  sequence   INTEGER NOT NULL,
  key        TEXT    NOT NULL,
  attempts   INTEGER NOT NULL,
  due_at     INTEGER NOT NULL,
  waits_for  TEXT,                 -- 'link side key' of the record that must be known first
  code       TEXT    NOT NULL,
  message    TEXT    NOT NULL,
  since      INTEGER NOT NULL,
  PRIMARY KEY (link, direction, sequence)
) WITHOUT ROWID;
CREATE INDEX waiting_changes_by_key ON waiting_changes (link, direction, key, sequence);
CREATE INDEX waiting_changes_by_parent ON waiting_changes (waits_for) WHERE waits_for IS NOT NULL;

CREATE TABLE dead_letters (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  link       TEXT    NOT NULL,
  direction  INTEGER NOT NULL,
  sequence   INTEGER NOT NULL,
  key        TEXT    NOT NULL,
  frame      BLOB    NOT NULL,     -- the whole change, as in a block
  code       TEXT    NOT NULL,
  message    TEXT    NOT NULL,
  died_at    INTEGER NOT NULL,
  UNIQUE (link, direction, sequence)
);

CREATE TABLE conflicts (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  link        TEXT    NOT NULL,
  direction   INTEGER NOT NULL,    -- which way the change travelled that met it
  sequence    INTEGER NOT NULL,
  local_key   TEXT    NOT NULL,
  remote_key  TEXT    NOT NULL,
  kind        TEXT    NOT NULL,
  field       TEXT    NOT NULL,    -- '' when it is about the whole record
  base        TEXT,
  local       TEXT,
  remote      TEXT,
  policy      TEXT    NOT NULL,
  winner      INTEGER,             -- 0 local, 1 remote, NULL undecided
  met_at      INTEGER NOT NULL,
  UNIQUE (link, direction, sequence, field)
);
CREATE INDEX conflicts_open ON conflicts (link, local_key, field) WHERE winner IS NULL;

-- Reading a whole endpoint into the log, chunk by chunk.
CREATE TABLE backfills (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  link        TEXT    NOT NULL,
  side        INTEGER NOT NULL,    -- the side that is read: 0 local, 1 remote
  epoch       TEXT,                -- where the next chunk starts; NULL at the beginning
  place       TEXT,
  rows        INTEGER NOT NULL,
  state       TEXT    NOT NULL,    -- requested, running, done
  reason      TEXT    NOT NULL,
  requested_at INTEGER NOT NULL,
  updated_at  INTEGER NOT NULL
);
