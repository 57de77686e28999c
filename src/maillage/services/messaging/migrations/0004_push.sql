-- Browsers on which somebody wants to be told that something waits, as each gave its address and keys, and what it is owed.
-- verify: select count(*) = 11 from information_schema.columns where table_name = 'messaging_push'
-- verify: select to_regclass('messaging_push_owed') is not null
create table messaging_push (
  id uuid primary key,
  endpoint text not null unique,
  person text not null,
  browser bytea not null,
  auth bytea not null,
  device text not null,
  since timestamptz not null,
  pending int not null default 0 check (pending >= 0),
  owed timestamptz,
  urgent boolean not null default false,
  sent timestamptz
);
create index messaging_push_person on messaging_push (person);
create index messaging_push_owed on messaging_push (owed) where pending > 0;
