-- A row told before a gap of capture says nothing of what the record held after it.
ALTER TABLE capture_watermarks ADD COLUMN whole_after INTEGER NOT NULL DEFAULT 0; -- the sequence at the last gap
