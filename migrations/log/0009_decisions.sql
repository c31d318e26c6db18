-- A conflict can end with a value that neither side held, and what a person said about an open one waits for its delivery.
ALTER TABLE conflicts ADD COLUMN outcome TEXT;   -- JSON: the value both sides took; winner is 2 then
ALTER TABLE conflicts ADD COLUMN ruling TEXT;    -- JSON, see Ruling; of open conflicts only
-- When the sides changed the record, by their own clocks, in microseconds since 1970; NULL: nobody knew.
ALTER TABLE conflicts ADD COLUMN local_at INTEGER;
ALTER TABLE conflicts ADD COLUMN remote_at INTEGER;
CREATE INDEX conflicts_ruled ON conflicts (link, local_key) WHERE ruling IS NOT NULL;

-- Where a write joins what both sides did, the source holds something else than what is written.
ALTER TABLE intents ADD COLUMN held TEXT;        -- JSON of the fields the source held otherwise; NULL: none
ALTER TABLE intents ADD COLUMN before TEXT;      -- JSON of what the target was taken to hold in the fields; NULL: no record
