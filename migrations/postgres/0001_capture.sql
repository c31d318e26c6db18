-- Purpose: everything capture keeps inside an attached PostgreSQL database, apart from the triggers on the tables.
-- Parameters: none. Run once, in the transaction of `attach`; `DROP SCHEMA tidemark CASCADE` takes it away.
-- Tables touched: none of the application's.
--
-- Whoever runs this owns all of it. The application's roles get no right here: the trigger function runs with its
-- owner's rights, and only triggers can call it.

CREATE SCHEMA tidemark;

CREATE TABLE tidemark.migrations (
  number integer PRIMARY KEY,
  applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Which life of capture this is. A new id makes positions of an earlier life worthless.
CREATE TABLE tidemark.installation (
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  installed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- Which cluster and database it was installed in. A restored dump and a copy bring this along, and so are told apart.
  database text NOT NULL,
  -- How the tables are captured, `trigger` or `wal`, and since when in the write-ahead log: what was written before was
  -- captured the other way.
  mode text NOT NULL DEFAULT 'trigger',
  since pg_lsn NOT NULL DEFAULT '0/0',
  -- How many bytes the outbox may take, and how many seconds nobody may have read it; null for no limit.
  budget bigint,
  budget_age bigint,
  -- When somebody last had read all of it; kept up to date only where `budget_age` is set.
  read_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
INSERT INTO tidemark.installation (database)
SELECT s.system_identifier || '-' || d.oid
FROM pg_control_system() s, pg_database d WHERE d.datname = current_database();

-- The captured tables, and how their triggers looked when they were made. A table that was left out for a while comes back
-- under another id: what it held in between was not captured.
CREATE TABLE tidemark.captured (
  relation oid PRIMARY KEY,
  name text NOT NULL,
  key text[] NOT NULL,
  signature text NOT NULL,
  life uuid NOT NULL DEFAULT gen_random_uuid()
);

-- CACHE 1: ids are drawn in the order in which writers hold the lock on a row, whatever session they are in.
CREATE SEQUENCE tidemark.outbox_id AS bigint CACHE 1;

-- How often a lenient trigger could not capture a statement. A sequence, because what it counts is not undone with the
-- transaction.
CREATE SEQUENCE tidemark.shed AS bigint CACHE 1;

-- operation: 1 insert, 2 update, 3 delete, 4 truncate, 6 changes of the table were let go. origin: 0 the application, 1 Tidemark applying a link.
--
-- The writer stores plain `json`, which costs it half of what `jsonb` does, and takes the key out of a row only where rows
-- have to be paired by it: who reads does the rest. What is read is the same, since `to_json(row)::jsonb` is
-- `to_jsonb(row)`. The stamp is a place in the WAL: see `stamp`.
CREATE TABLE tidemark.outbox (
  id bigint PRIMARY KEY DEFAULT nextval('tidemark.outbox_id'),
  xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  relation oid NOT NULL,
  operation smallint NOT NULL,
  key jsonb,
  "row" json,
  origin smallint NOT NULL,
  stamp bigint NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);

-- The values of the key columns in key order, as a JSON array.
CREATE FUNCTION tidemark.key_of(record jsonb, columns text[]) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE cardinality(columns)
  WHEN 1 THEN jsonb_build_array(record -> columns[1])
  WHEN 2 THEN jsonb_build_array(record -> columns[1], record -> columns[2])
  ELSE (SELECT jsonb_agg(record -> c.name ORDER BY c.place) FROM unnest(columns) WITH ORDINALITY AS c (name, place))
END;

-- The primary key's columns in key order; null without one.
CREATE FUNCTION tidemark.key_columns(relation oid) RETURNS text[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
RETURN (
  SELECT array_agg(a.attname::text ORDER BY k.place)
  FROM pg_index i
  CROSS JOIN LATERAL unnest(i.indkey::smallint[]) WITH ORDINALITY AS k (number, place)
  JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
  WHERE i.indrelid = relation AND i.indisprimary AND k.place <= i.indnkeyatts);

-- A place in the WAL, taken under the row's lock; each change writes WAL after taking it. So it grows with each change of a
-- row, whatever session makes it. Zero: not to be trusted, so the record is read again.
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

-- Whether the outbox has reached its budget. `attach` replaces it by one that knows the budget.
CREATE FUNCTION tidemark.is_full() RETURNS boolean LANGUAGE sql STABLE RETURN false;

-- Notes, once a transaction, that changes of a table are not kept: the application's disk matters more. The note is found
-- when the transaction has been committed, and the table is read again.
CREATE FUNCTION tidemark.let_go(relation oid) RETURNS void
LANGUAGE plpgsql
AS $let_go$
DECLARE
  setting text := 'tidemark.let_go_' || relation;
BEGIN
  IF current_setting(setting, true) = 'on' THEN RETURN; END IF;
  PERFORM set_config(setting, 'on', true);
  INSERT INTO tidemark.outbox (relation, operation, key, origin, stamp) VALUES (let_go.relation, 6, '[]', 0, 0);
END
$let_go$;

-- The settings make a row the same text whoever wrote it: to_json follows the session's time zone, and values without
-- a JSON form of their own follow its output settings.
--
-- Arguments of the trigger: the key columns in key order.
CREATE FUNCTION tidemark.capture() RETURNS trigger
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
  IF tidemark.is_full() THEN
    PERFORM tidemark.let_go(TG_RELID);
    RETURN NULL;
  END IF;
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

-- Fires for a row only when its key changes, before the statement's own trigger: tells it to pair keys. The setting bears
-- the relation: a trigger of the application may change other tables between the two triggers. It is kept until the
-- transaction ends, since statements on one table may be nested as well.
CREATE FUNCTION tidemark.rekeyed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $rekeyed$
BEGIN
  PERFORM set_config('tidemark.rekeyed_' || TG_RELID, 'on', true);
  RETURN NULL;
END
$rekeyed$;

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
  IF tidemark.is_full() THEN
    PERFORM tidemark.let_go(relation);
    RETURN NULL;
  END IF;
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

-- Where `notify` is on, a trigger of the outbox calls it: whoever listens to the channel wakes when the transaction commits.
-- Equal notifications of one transaction are one.
CREATE FUNCTION tidemark.notify() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $notify$
BEGIN
  PERFORM pg_notify('tidemark', '');
  RETURN NULL;
END
$notify$;

-- Changes whenever one of our triggers on the table is made, dropped, renamed, enabled or disabled, and whenever the
-- table leaves or enters the publication or is given another replica identity; also when that was put back since: xmin
-- is the transaction that touched it last.
CREATE FUNCTION tidemark.signature(relation oid) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
RETURN (
  SELECT coalesce(string_agg(concat_ws(':', t.tgname, t.oid, t.xmin, t.tgenabled), ' ' ORDER BY t.tgname), '')
  FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_namespace n ON n.oid = p.pronamespace
  WHERE t.tgrelid = relation AND NOT t.tgisinternal AND n.nspname = 'tidemark'
) || coalesce((
  SELECT concat_ws(':', 'published', m.oid, m.xmin, c.relreplident)
  FROM pg_publication_rel m JOIN pg_publication p ON p.oid = m.prpubid JOIN pg_class c ON c.oid = m.prrelid
  WHERE m.prrelid = relation AND p.pubname = 'tidemark'), '');

REVOKE ALL ON SCHEMA tidemark FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA tidemark FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA tidemark FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA tidemark FROM PUBLIC;
