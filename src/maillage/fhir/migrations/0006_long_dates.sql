-- Resources whose main date is a range of more than 25 hours, by where it begins: a search from one day to another finds in a short index
-- those that began before (docs/adr/0004-store.md).
-- verify: select count(*) = 1 from pg_class where relname = 'res_long' and relkind = 'i' and relnamespace = current_schema::regnamespace

-- Reading the table once lasts as long as it lasts; whoever waits for a lock still gives up.
set local statement_timeout = 0;

create index res_long on res (rt, d0, id) where d1 - d0 > interval '25 hours';
