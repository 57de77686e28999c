-- What was deleted from a person's record, found by the person: its history is erased with the rest (docs/adr/0037-erasure.md).
-- verify: select count(*) = 1 from pg_class where relname = 'ver_deleted' and relkind = 'i' and relnamespace = current_schema::regnamespace

-- Reading the log once lasts as long as it lasts; whoever waits for a lock still gives up.
set local statement_timeout = 0;

create index ver_deleted on ver (patient, rt, id) where op = 'd' and patient is not null;
