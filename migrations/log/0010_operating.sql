-- Links that somebody has paused: their changes stay in the log until the link is resumed.
CREATE TABLE paused_links (
  link      TEXT    PRIMARY KEY,
  reason    TEXT,
  paused_at INTEGER NOT NULL       -- microseconds since 1970, this machine's clock
) WITHOUT ROWID;

-- What happened to a change on its way besides its ending: attempts that failed, decisions of people. One row for each kind
-- of happening, however often it happened; for `explain`.
CREATE TABLE record_notes (
  link      TEXT    NOT NULL,
  direction INTEGER NOT NULL,
  sequence  INTEGER NOT NULL,
  code      TEXT    NOT NULL,
  key       TEXT    NOT NULL,      -- at the source
  message   TEXT    NOT NULL,      -- of the last time
  times     INTEGER NOT NULL,
  first_at  INTEGER NOT NULL,
  last_at   INTEGER NOT NULL,
  PRIMARY KEY (link, direction, sequence, code)
) WITHOUT ROWID;
CREATE INDEX record_notes_by_key ON record_notes (link, direction, key);
CREATE INDEX record_notes_by_time ON record_notes (last_at);
CREATE INDEX dead_letters_by_link ON dead_letters (link, code);
