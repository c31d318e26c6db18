-- Purpose: capture from the write-ahead log beside capture by triggers.
-- Parameters: none. Run once, in a transaction of `attach`.
-- Tables touched: none of the application's.

-- How the tables are captured, and since when in the write-ahead log: what was written before was captured the other way.
ALTER TABLE tidemark.installation
  ADD COLUMN mode text NOT NULL DEFAULT 'trigger',
  ADD COLUMN since pg_lsn NOT NULL DEFAULT '0/0';

-- Changes whenever one of our triggers on the table is made, dropped, renamed, enabled or disabled, and whenever the
-- table leaves or enters the publication or is given another replica identity; also when that was put back since: xmin
-- is the transaction that touched it last.
CREATE OR REPLACE FUNCTION tidemark.signature(relation oid) RETURNS text
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
