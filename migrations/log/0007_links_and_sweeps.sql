-- In which life of its table's capture each link has read the table. A link that was left out of the configuration, or whose
-- table was not captured for a while, finds another one, or none, and the table is read again.
CREATE TABLE link_captures (
  link TEXT PRIMARY KEY,
  life TEXT NOT NULL
) WITHOUT ROWID;

-- Sweeps that found too many rows gone to believe it.
CREATE TABLE held_sweeps (
  source    TEXT    PRIMARY KEY,
  gone      INTEGER NOT NULL,
  known     INTEGER NOT NULL,
  confirmed INTEGER NOT NULL DEFAULT 0   -- so many may be gone: somebody has said so
) WITHOUT ROWID;
