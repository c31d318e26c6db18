-- A record may be interrupted more than once before it is settled, each time with another write on its way: all of them
-- are kept, since any may be the one that happened.
ALTER TABLE intents RENAME TO last_intents;
CREATE TABLE intents (
  number     INTEGER PRIMARY KEY,  -- in the order they were made
  link       TEXT    NOT NULL,
  direction  INTEGER NOT NULL,
  key        TEXT    NOT NULL,     -- at the source
  sequence   INTEGER NOT NULL,     -- of the change that is delivered
  fields     TEXT    NOT NULL,     -- JSON of the linked fields to be written
  is_create  INTEGER NOT NULL
);
CREATE INDEX intents_by_key ON intents (link, direction, key);
INSERT INTO intents (link, direction, key, sequence, fields, is_create)
  SELECT link, direction, key, 0, fields, is_create FROM last_intents;
DROP TABLE last_intents;
