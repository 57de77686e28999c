-- How the tables of the store are swept: what was deleted or superseded goes before it slows a search in the order of an index (docs/adr/0020-growth.md).
-- verify: select count(*) = 4 from pg_class where relname in ('res', 'hot', 'refs', 'amount') and relnamespace = current_schema::regnamespace and reloptions @> array['autovacuum_vacuum_scale_factor=0.005', 'vacuum_index_cleanup=on']

-- A walk of an index passes over the entries of dead rows, 15 µs a thousand. The server's own setting, a fifth of the table, would let
-- millions gather; and it leaves the indexes alone while few pages of the table hold dead rows, as after a deletion of neighbours.
alter table res set (autovacuum_vacuum_scale_factor = 0.005, autovacuum_vacuum_threshold = 10000, vacuum_index_cleanup = on);
alter table hot set (autovacuum_vacuum_scale_factor = 0.005, autovacuum_vacuum_threshold = 10000, vacuum_index_cleanup = on);
alter table refs set (autovacuum_vacuum_scale_factor = 0.005, autovacuum_vacuum_threshold = 10000, vacuum_index_cleanup = on);
alter table amount set (autovacuum_vacuum_scale_factor = 0.005, autovacuum_vacuum_threshold = 10000, vacuum_index_cleanup = on);
