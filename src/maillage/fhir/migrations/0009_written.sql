-- What was written in a person's record, by time: « depuis votre visite » reads the end of it, however long the record (docs/adr/0042-since-your-visit.md).
-- verify: select count(*) = 1 from pg_class where relname = 'ver_written' and relkind = 'i' and relnamespace = current_schema::regnamespace

-- Reading the log once lasts as long as it lasts; whoever waits for a lock still gives up.
set local statement_timeout = 0;

create index ver_written on ver (patient, at) where patient is not null;
