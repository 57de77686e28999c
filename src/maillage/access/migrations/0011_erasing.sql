-- What erasing asks of the tables of access (docs/adr/0037-erasure.md).
-- verify: select count(*) = 1 from pg_proc where proname = 'access_told'
-- verify: select to_regclass('access_unnamed') is not null

-- The "Type/id" of a stored resource, from the head of its text.
create function access_told(body text) returns text language sql immutable as $$
  select substring(left(body, 200) from '"resourceType":"([A-Za-z]+)"') || '/' || substring(left(body, 200) from '"id":"([^"]+)"')
$$;

-- Bytes of documents that nothing names since an erasure: a job removes them, and the row with them.
create table access_unnamed (sha256 text primary key);
