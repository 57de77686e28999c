-- Erasure (RGPD art. 17): what was decided to be erased, and the records that came to the end of their retention (docs/adr/0037-erasure.md).
-- verify: select to_regclass('rights_erased') is not null and to_regclass('rights_retention') is not null and to_regclass('rights_retention_place') is not null
-- verify: select count(*) = 2 from pg_constraint where conrelid = 'rights_request'::regclass and conname in ('rights_request_kind', 'rights_request_state') and convalidated

-- `erasing`: decided, and being done by a job; `erased`: done.
alter table rights_request drop constraint rights_request_kind_check, drop constraint rights_request_state_check,
  add constraint rights_request_kind check (kind in ('rectification', 'restriction', 'opposition', 'erasure')),
  add constraint rights_request_state check (state in ('open', 'corrected', 'accepted', 'refused', 'lifted', 'erasing', 'erased'));

-- What a decision named, one row a resource: names only. It stays: by it an erasure is done again after a restore.
create table rights_erased (
  request uuid not null references rights_request (id),
  type text not null,
  id text not null,
  state text not null default 'planned' check (state in ('planned', 'erased', 'kept')),
  primary key (request, type, id)
);

-- Records whose retention has ended, as the nights found them; one that an officer keeps is not put before them again until a day.
create table rights_retention (
  record text primary key,             -- id of the Patient
  until date not null,                 -- the last day on which the law kept it
  last_care date not null,
  found date not null,
  kept_until date,
  kept_by text,
  words text
);
create index rights_retention_ended on rights_retention (until, record);

-- How far the nights came in the list of records: all are looked at again from its beginning.
create table rights_retention_place (
  single bool primary key default true check (single),
  after uuid not null
);
insert into rights_retention_place (after) values ('00000000-0000-0000-0000-000000000000');
