-- The shard of every row: the patient in whose record it stands, else its own id. It is in every key, so that the tables can be
-- distributed (docs/adr/0020-growth.md, deploy/citus.sql).
-- verify: select count(*) = 4 from information_schema.columns where table_schema = current_schema and column_name = 'shard' and is_nullable = 'NO' and table_name in ('res', 'hot', 'refs', 'amount')
-- verify: select pg_get_constraintdef(oid) = 'PRIMARY KEY (rt, id, shard)' from pg_constraint where conname = 'res_pkey' and connamespace = current_schema::regnamespace
-- verify: select not exists (select from res where shard <> coalesce(patient, id)) and not exists (select from hot where shard <> coalesce(patient, id))
-- verify: select not exists (select from refs f join res r on r.rt = f.st and r.id = f.src where f.shard <> r.shard) and not exists (select from amount a join res r on r.rt = a.rt and r.id = a.id where a.shard <> r.shard)

-- The tables are written anew, which lasts as long as it lasts; whoever waits for a lock still gives up.
set local statement_timeout = 0;

-- A generated column fills the rows in one pass and leaves no dead ones. It does not stay generated: Citus takes none to distribute by.
alter table res add column shard uuid generated always as (coalesce(patient, id)) stored;
alter table hot add column shard uuid generated always as (coalesce(patient, id)) stored;

-- The default is for processes of the version before, which may still run: on one server nothing reads it, the next write of the
-- resource mends it, and so does deploy/citus.sql.
-- (rt, id) leads the key, so that reading by type and id is one probe. That no two rows share it is held by the log: every write adds
-- the next version of (rt, id) to `ver`, whose key it is.
alter table res alter column shard drop expression;
alter table res alter column shard set not null, alter column shard set default '00000000-0000-0000-0000-000000000000',
  drop constraint res_pkey, add primary key (rt, id, shard);
alter table hot alter column shard drop expression;
alter table hot alter column shard set not null, alter column shard set default '00000000-0000-0000-0000-000000000000';

-- Edges and amounts are in the shard of the resource that has them.
alter table refs add column shard uuid not null default '00000000-0000-0000-0000-000000000000';
alter table amount add column shard uuid not null default '00000000-0000-0000-0000-000000000000';
update refs f set shard = r.shard from res r where r.rt = f.st and r.id = f.src;
update amount a set shard = r.shard from res r where r.rt = a.rt and r.id = a.id;
