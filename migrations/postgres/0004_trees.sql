-- Purpose: capture by triggers that nested statements cannot deceive, for partitioned tables and children of a table too,
-- and, for who asked for it, capture that never fails the application's statement.
-- Parameters: none. Run once, in a transaction of `attach`.
-- Tables touched: none of the application's.

-- How often a lenient trigger could not capture a statement. A sequence, because what it counts is not undone with the
-- transaction.
CREATE SEQUENCE tidemark.shed AS bigint CACHE 1;

-- The setting bears the relation: a trigger of the application may change other tables between the two triggers. It is
-- kept until the transaction ends, since statements on one table may be nested as well.
CREATE OR REPLACE FUNCTION tidemark.rekeyed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $rekeyed$
BEGIN
  PERFORM set_config('tidemark.rekeyed_' || TG_RELID, 'on', true);
  RETURN NULL;
END
$rekeyed$;

-- A place in the WAL, or zero: not to be trusted, so the record is read again.
--
-- A trigger of the application that changes the table it fires for does so in a statement of its own, which is captured
-- before the one that fired it is: what the outer one shows then may be older than what the inner one did. Called with
-- the settings of the functions that capture.
CREATE FUNCTION tidemark.stamp(relation oid, depth integer) RETURNS bigint
LANGUAGE plpgsql
AS $stamp$
DECLARE
  setting text := 'tidemark.depth_' || relation;
  deepest integer := nullif(current_setting(setting, true), '');
BEGIN
  IF depth < deepest THEN RETURN 0; END IF;
  IF depth > 1 THEN PERFORM set_config(setting, depth::text, true); END IF;
  RETURN pg_current_wal_insert_lsn() - '0/0';
END
$stamp$;

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
  stamp bigint;
BEGIN
  stamp := tidemark.stamp(TG_RELID, pg_trigger_depth());
  IF TG_OP = 'INSERT' THEN
    INSERT INTO tidemark.outbox (relation, operation, "row", origin, stamp)
    SELECT TG_RELID, 1, to_json(n.*), origin, stamp FROM tidemark_new n;
  ELSIF TG_OP = 'DELETE' THEN
    INSERT INTO tidemark.outbox (relation, operation, "row", origin, stamp)
    SELECT TG_RELID, 3, to_json(o.*), origin, stamp FROM tidemark_old o;
  ELSIF TG_OP = 'TRUNCATE' THEN
    INSERT INTO tidemark.outbox (relation, operation, key, origin, stamp) VALUES (TG_RELID, 4, '[]', origin, stamp);
  ELSIF current_setting('tidemark.rekeyed_' || TG_RELID, true) = 'on' THEN
    -- Some row of this statement changed its key: keys that are left are deleted before keys that are taken.
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

-- For the tables of a tree, row by row: a statement fires the triggers for statements of the table it names only, but
-- those for rows wherever the row lies, and a new partition gets them by itself.
--
-- Arguments of the trigger: the oid of the table whose changes these are; for an update `rekeyed` where the row's key was
-- changed.
CREATE FUNCTION tidemark.capture_row() RETURNS trigger
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
  relation oid := TG_ARGV[0];
  origin smallint := CASE WHEN current_setting('tidemark.origin', true) = 'tidemark' THEN 1 ELSE 0 END;
  stamp bigint;
BEGIN
  stamp := tidemark.stamp(relation, pg_trigger_depth());
  IF TG_OP = 'TRUNCATE' THEN
    -- Truncating the whole table fires here for each of its parts, too: told once a statement.
    IF current_setting('tidemark.truncated_' || relation, true) IS DISTINCT FROM statement_timestamp()::text
      AND (TG_RELID = relation OR EXISTS (SELECT FROM pg_inherits WHERE inhrelid = TG_RELID)) THEN
      PERFORM set_config('tidemark.truncated_' || relation, statement_timestamp()::text, true);
      INSERT INTO tidemark.outbox (relation, operation, key, origin, stamp) VALUES (relation, 4, '[]', origin, stamp);
    END IF;
  ELSIF TG_OP = 'INSERT' THEN
    INSERT INTO tidemark.outbox (relation, operation, "row", origin, stamp)
    VALUES (relation, 1, to_json(NEW), origin, stamp);
  ELSIF TG_OP = 'DELETE' THEN
    INSERT INTO tidemark.outbox (relation, operation, "row", origin, stamp)
    VALUES (relation, 3, to_json(OLD), origin, stamp);
  ELSIF TG_ARGV[1] = 'rekeyed' THEN
    INSERT INTO tidemark.outbox (relation, operation, "row", origin, stamp)
    VALUES (relation, 3, to_json(OLD), origin, stamp), (relation, 1, to_json(NEW), origin, stamp);
  ELSE
    INSERT INTO tidemark.outbox (relation, operation, "row", origin, stamp)
    VALUES (relation, 2, to_json(NEW), origin, stamp);
  END IF;
  RETURN NULL;
END
$capture$;

-- The same functions for a database whose `on_capture_failure` is `lenient`: what fails is counted and the application's
-- statement goes on. The reader finds the count changed and has the tables read again.
DO $lenient$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['capture', 'capture_row'] LOOP
    EXECUTE replace(replace(replace(
      pg_get_functiondef(('tidemark.' || name || '()')::regprocedure),
      'FUNCTION tidemark.' || name || '()', 'FUNCTION tidemark.' || name || '_leniently()'),
      E'\nBEGIN\n', E'\nBEGIN\n  BEGIN\n'),
      E'\n  RETURN NULL;\nEND\n',
      E'\n  EXCEPTION WHEN OTHERS THEN\n    PERFORM nextval(''tidemark.shed'');\n  END;\n  RETURN NULL;\nEND\n');
  END LOOP;
END
$lenient$;

REVOKE ALL ON ALL SEQUENCES IN SCHEMA tidemark FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA tidemark FROM PUBLIC;
