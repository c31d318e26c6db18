-- The end of the log when a backfill had ended: what was asked for with it holds for changes up to there.
ALTER TABLE backfills ADD COLUMN last_sequence INTEGER;

-- The side whose delete gave way to a change of the other one: 0 local, 1 remote. Should that change turn out to be none, the
-- delete holds after all.
ALTER TABLE record_states ADD COLUMN gave_way INTEGER;
