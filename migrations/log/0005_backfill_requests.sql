-- A backfill is a request: what is to be read and how, how far it is, and how it ended. States: requested, running,
-- paused, done, cancelled, failed.
ALTER TABLE backfills ADD COLUMN options TEXT NOT NULL DEFAULT '{}'; -- JSON, see BackfillOptions
ALTER TABLE backfills ADD COLUMN total INTEGER;                      -- rows there are to read; NULL: nobody knows
ALTER TABLE backfills ADD COLUMN total_is_exact INTEGER NOT NULL DEFAULT 0;
ALTER TABLE backfills ADD COLUMN gave_way INTEGER NOT NULL DEFAULT 0; -- of the rows, those that a change overtook
ALTER TABLE backfills ADD COLUMN missing INTEGER NOT NULL DEFAULT 0; -- keys that were asked for and have no record
ALTER TABLE backfills ADD COLUMN last_key TEXT;                      -- of the row that was read last
ALTER TABLE backfills ADD COLUMN rate REAL;                          -- rows a second of late
ALTER TABLE backfills ADD COLUMN note TEXT;                          -- why it rests
ALTER TABLE backfills ADD COLUMN failure TEXT;                       -- why it failed
ALTER TABLE backfills ADD COLUMN started_at INTEGER;
ALTER TABLE backfills ADD COLUMN ended_at INTEGER;

-- The records that are to be read, where they were named one by one.
CREATE TABLE backfill_keys (
  backfill INTEGER NOT NULL,
  number   INTEGER NOT NULL,       -- from 1, in the order given
  key      TEXT    NOT NULL,
  PRIMARY KEY (backfill, number)
) WITHOUT ROWID;
