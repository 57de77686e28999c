-- The facts of the domain, written with the data they are about.
-- verify: select to_regclass('event') is not null

create table event (
  seq bigint generated always as identity,
  xid xid8 not null default pg_current_xact_id(),
  at timestamptz not null default now(),
  kind text not null,
  payload jsonb not null,
  primary key (xid, seq)
);
