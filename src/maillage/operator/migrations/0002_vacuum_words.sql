-- The words of the store are swept as its other tables are (docs/adr/0020-growth.md).
-- verify: select count(*) = 1 from pg_class where relname = 'words' and relnamespace = current_schema::regnamespace and reloptions @> array['autovacuum_vacuum_scale_factor=0.005', 'vacuum_index_cleanup=on']

alter table words set (autovacuum_vacuum_scale_factor = 0.005, autovacuum_vacuum_threshold = 10000, vacuum_index_cleanup = on);
