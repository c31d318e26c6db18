-- What polling has told of each row, so that it knows what is new and what is gone; see SeenRows.

-- A number for each source: rows are many and names are long.
CREATE TABLE seen_sources (
  id     INTEGER PRIMARY KEY,
  source TEXT NOT NULL UNIQUE
);

CREATE TABLE seen_rows (
  source INTEGER NOT NULL,
  key    TEXT    NOT NULL,
  hash   BLOB    NOT NULL,         -- 16 bytes of the row's content; zeros: the row is known, its content is not
  PRIMARY KEY (source, key)
) WITHOUT ROWID;
