-- By which rules the store is indexed (docs/adr/0023-reindex.md).
-- verify: select count(*) = 1 from pg_class where relname = 'indexing' and relkind = 'r' and relnamespace = current_schema::regnamespace

-- One row, once the store was opened empty or a reindex has begun.
create table indexing (
  single bool primary key default true check (single),
  rules text not null,               -- what everything was indexed by (fhir/reindexing.py); empty: older rules, unknown
  running text,                      -- the rules of the reindex that is under way
  rt int2,                           -- the last resource that it has done
  id uuid,
  done int8
);
