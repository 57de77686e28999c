-- How many resources a reindex could not read (docs/adr/0023-reindex.md).
-- verify: select count(*) = 1 from pg_attribute where attrelid = 'indexing'::regclass and attname = 'failed'

-- Of the reindex that is under way, or of the last one.
alter table indexing add column failed int8 not null default 0;
