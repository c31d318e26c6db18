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
  installed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
INSERT INTO tidemark.installation DEFAULT VALUES;

-- The captured tables, and how their triggers looked when they were made.
CREATE TABLE tidemark.captured (
  relation oid PRIMARY KEY,
  name text NOT NULL,
  key text[] NOT NULL,
  signature text NOT NULL
);

-- CACHE 1: ids are drawn in the order in which writers hold the lock on a row, whatever session they are in.
CREATE SEQUENCE tidemark.outbox_id AS bigint CACHE 1;

-- operation: 1 insert, 2 update, 3 delete, 4 truncate. origin: 0 the application, 1 Tidemark applying a link.
CREATE TABLE tidemark.outbox (
  id bigint PRIMARY KEY DEFAULT nextval('tidemark.outbox_id'),
  xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  relation oid NOT NULL,
  operation smallint NOT NULL,
  key jsonb NOT NULL,
  "row" jsonb,
  origin smallint NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);

-- The settings make a row the same text whoever wrote it: to_jsonb follows the session's time zone, and values without
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
  columns text[] := TG_ARGV[0:TG_NARGS - 1];
  origin smallint := CASE WHEN current_setting('tidemark.origin', true) = 'tidemark' THEN 1 ELSE 0 END;
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO tidemark.outbox (relation, operation, key, "row", origin)
    SELECT TG_RELID, 1, tidemark.key_of(r.j, columns), r.j, origin
    FROM tidemark_new n CROSS JOIN LATERAL (SELECT to_jsonb(n.*) AS j OFFSET 0) r;
  ELSIF TG_OP = 'DELETE' THEN
    INSERT INTO tidemark.outbox (relation, operation, key, "row", origin)
    SELECT TG_RELID, 3, tidemark.key_of(r.j, columns), r.j, origin
    FROM tidemark_old o CROSS JOIN LATERAL (SELECT to_jsonb(o.*) AS j OFFSET 0) r;
  ELSIF TG_OP = 'TRUNCATE' THEN
    INSERT INTO tidemark.outbox (relation, operation, key, origin) VALUES (TG_RELID, 4, '[]', origin);
  ELSIF current_setting('tidemark.rekeyed', true) = 'on' THEN
    -- Some row of this statement changed its key: keys that are left are deleted before keys that are taken.
    PERFORM set_config('tidemark.rekeyed', '', true);
    INSERT INTO tidemark.outbox (relation, operation, key, "row", origin)
    SELECT TG_RELID, 3, gone.k, gone.j, origin
    FROM (SELECT tidemark.key_of(to_jsonb(o.*), columns) AS k, to_jsonb(o.*) AS j FROM tidemark_old o) gone
    WHERE gone.k NOT IN (SELECT tidemark.key_of(to_jsonb(n.*), columns) FROM tidemark_new n);
    INSERT INTO tidemark.outbox (relation, operation, key, "row", origin)
    SELECT TG_RELID,
      CASE WHEN now.k IN (SELECT tidemark.key_of(to_jsonb(o.*), columns) FROM tidemark_old o) THEN 2 ELSE 1 END,
      now.k, now.j, origin
    FROM (SELECT tidemark.key_of(to_jsonb(n.*), columns) AS k, to_jsonb(n.*) AS j FROM tidemark_new n) now;
  ELSE
    INSERT INTO tidemark.outbox (relation, operation, key, "row", origin)
    SELECT TG_RELID, 2, tidemark.key_of(r.j, columns), r.j, origin
    FROM tidemark_new n CROSS JOIN LATERAL (SELECT to_jsonb(n.*) AS j OFFSET 0) r;
  END IF;
  RETURN NULL;
END
$capture$;

-- Fires for a row only when its key changes, before the statement's own trigger: tells it to pair keys.
CREATE FUNCTION tidemark.rekeyed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $rekeyed$
BEGIN
  PERFORM set_config('tidemark.rekeyed', 'on', true);
  RETURN NULL;
END
$rekeyed$;

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

-- Changes whenever one of our triggers on the table is made, dropped, renamed, enabled or disabled, also when it was
-- put back since: xmin is the transaction that last touched the trigger.
CREATE FUNCTION tidemark.signature(relation oid) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
RETURN (
  SELECT coalesce(string_agg(concat_ws(':', t.tgname, t.oid, t.xmin, t.tgenabled), ' ' ORDER BY t.tgname), '')
  FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_namespace n ON n.oid = p.pronamespace
  WHERE t.tgrelid = relation AND NOT t.tgisinternal AND n.nspname = 'tidemark');

REVOKE ALL ON SCHEMA tidemark FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA tidemark FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA tidemark FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA tidemark FROM PUBLIC;
