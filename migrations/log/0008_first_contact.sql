-- The end of the log when a backfill had ended: what was asked for with it holds for changes up to there.
ALTER TABLE backfills ADD COLUMN last_sequence INTEGER;
