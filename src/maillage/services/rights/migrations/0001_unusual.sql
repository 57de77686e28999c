-- What was unusual in the accesses of a day, for the officer, and what is usual for each reader.
-- verify: select to_regclass('rights_unusual') is not null and to_regclass('rights_reader') is not null and to_regclass('rights_day') is not null

create table rights_unusual (
  id uuid primary key default gen_random_uuid(),
  day date not null,
  kind text not null check (kind in ('colleague', 'neighbour', 'family', 'mass', 'night', 'again')),
  reference text not null,             -- who reads: "Practitioner/12"
  name text not null,
  roles text[] not null,
  organizations text[] not null,
  record text,                         -- id of the Patient, where it is about one
  since timestamptz not null,
  until timestamptz not null,
  lines text[] not null,               -- the first of them, as ids of AuditEvents
  facts jsonb not null,                -- the figures of the reason
  decided timestamptz,
  decider text,
  verdict text check (verdict in ('explained', 'followed')),
  remark text,
  check ((decided is null) = (verdict is null)),
  unique nulls not distinct (day, kind, reference, record)
);
create index rights_unusual_waiting on rights_unusual (day, id) where decided is null;
create index rights_unusual_decided on rights_unusual (decided, id) where decided is not null;
create index rights_unusual_of_reader on rights_unusual (reference, kind, record);

-- A reader's usual, brought forward by each day on which they read: nothing older is read again.
create table rights_reader (
  reference text primary key,
  days integer not null,
  busiest double precision not null,   -- records in their fullest hour of a day, the last days counting most
  nights double precision not null     -- share of their days on which they read by night
);

-- The days that were looked at.
create table rights_day (
  day date primary key,
  at timestamptz not null,
  unusual integer not null
);
