-- Purpose: an outbox that costs the application less, and stamps that are places in the WAL in every mode.
-- Parameters: none. Run once, in a transaction of `attach`.
-- Tables touched: none of the application's.
--
-- The writer stores plain `json`, which costs it half of what `jsonb` does, and neither takes the key out of the row nor
-- sorts its members: who reads does that. What is read is the same, since `to_json(row)::jsonb` is `to_jsonb(row)`.

ALTER TABLE tidemark.outbox
  ALTER "row" TYPE json USING "row"::json,
  ALTER key DROP NOT NULL,
  -- Zero, for what an older version wrote: not to be trusted, so the record is read again.
  ADD COLUMN stamp bigint NOT NULL DEFAULT 0;

-- The stamp is taken under the row's lock, and each change writes WAL after taking it: so it grows with each change of
-- a row, whatever session makes it.
CREATE OR REPLACE FUNCTION tidemark.capture() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET "TimeZone" = 'UTC'
SET "DateStyle" = 'ISO, YMD'
SET "IntervalStyle" = 'postgres'
SET extra_float_digits = 1
SET bytea_output = 'hex'
SET lc_monetary = 'C'
AS $capture$
#variable_conflict use_variable
DECLARE
  columns text[];
  origin smallint := CASE WHEN current_setting('tidemark.origin', true) = 'tidemark' THEN 1 ELSE 0 END;
  stamp bigint := pg_current_wal_insert_lsn() - '0/0';
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO tidemark.outbox (relation, operation, "row", origin, stamp)
    SELECT TG_RELID, 1, to_json(n.*), origin, stamp FROM tidemark_new n;
  ELSIF TG_OP = 'DELETE' THEN
    INSERT INTO tidemark.outbox (relation, operation, "row", origin, stamp)
    SELECT TG_RELID, 3, to_json(o.*), origin, stamp FROM tidemark_old o;
  ELSIF TG_OP = 'TRUNCATE' THEN
    INSERT INTO tidemark.outbox (relation, operation, key, origin, stamp) VALUES (TG_RELID, 4, '[]', origin, stamp);
  ELSIF current_setting('tidemark.rekeyed', true) = 'on' THEN
    -- Some row of this statement changed its key: keys that are left are deleted before keys that are taken.
    PERFORM set_config('tidemark.rekeyed', '', true);
    columns := TG_ARGV[0:TG_NARGS - 1];
    INSERT INTO tidemark.outbox (relation, operation, key, "row", origin, stamp)
    SELECT TG_RELID, 3, gone.k, gone.j, origin, stamp
    FROM (SELECT tidemark.key_of(to_jsonb(o.*), columns) AS k, to_json(o.*) AS j FROM tidemark_old o) gone
    WHERE gone.k NOT IN (SELECT tidemark.key_of(to_jsonb(n.*), columns) FROM tidemark_new n);
    INSERT INTO tidemark.outbox (relation, operation, key, "row", origin, stamp)
    SELECT TG_RELID,
      CASE WHEN now.k IN (SELECT tidemark.key_of(to_jsonb(o.*), columns) FROM tidemark_old o) THEN 2 ELSE 1 END,
      now.k, now.j, origin, stamp
    FROM (SELECT tidemark.key_of(to_jsonb(n.*), columns) AS k, to_json(n.*) AS j FROM tidemark_new n) now;
  ELSE
    INSERT INTO tidemark.outbox (relation, operation, "row", origin, stamp)
    SELECT TG_RELID, 2, to_json(n.*), origin, stamp FROM tidemark_new n;
  END IF;
  RETURN NULL;
END
$capture$;
