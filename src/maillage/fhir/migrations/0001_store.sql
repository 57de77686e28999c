-- The store of FHIR resources: current versions, what they are found by, and the log of every write (docs/adr/0004-store.md).
-- verify: select count(*) = 4 from pg_class where relname in ('res', 'hot', 'refs', 'ver') and relkind = 'r' and relnamespace = current_schema::regnamespace
-- verify: select count(*) = 13 from pg_index i join pg_class c on c.oid = i.indrelid where c.relname in ('res', 'hot', 'refs', 'ver') and c.relnamespace = current_schema::regnamespace

-- Current versions. `body` is the whole JSON text, answered as it stands.
create table res (
  rt int2 not null,                  -- number of the resource type (fhir/ids.py)
  id uuid not null,                  -- fhir/ids.py: the id itself, or a hash of an id that is no UUID
  version int not null,
  updated timestamptz not null,      -- meta.lastUpdated, whole milliseconds
  patient uuid,                      -- the compartment; a Patient: its own id
  d0 timestamptz not null,           -- main date as a half-open range [d0, d1); without one: -infinity and null
  d1 timestamptz,
  body text not null,
  tok int8[] not null,               -- tokens and URIs (fhir/tokens.py)
  has int8[] not null,               -- what only filters, never drives: parameters present, exact strings
  str tsvector,                      -- 'parameter=folded text'
  primary key (rt, id)
);
create index res_tok on res using gin (tok) with (fastupdate = off);
create index res_str on res using gin (str) with (fastupdate = off) where str is not null;
create index res_patient on res (patient, rt, d0, id) where patient is not null;
create index res_date on res (rt, d0, id);
create index res_updated on res (rt, updated, id);

-- Dates to be found by a key: a declared token with the main date (-infinity and null: none), or a date that is not the main one.
create table hot (
  k int8 not null,
  d0 timestamptz not null,
  d1 timestamptz,
  id uuid not null,
  rt int2 not null,
  patient uuid
);
create index hot_key on hot (k, d0, id) include (d1, patient);
create index hot_row on hot (id);

-- References between resources, to be walked both ways. The reference that makes the compartment is `res.patient`, not an edge.
create table refs (
  src uuid not null,
  dst uuid not null,
  p int4 not null,                   -- hash of type and parameter (fhir/ids.py)
  st int2 not null,
  dt int2 not null
);
create index refs_out on refs (src, p) include (st, dt, dst);
create index refs_in on refs (dst, p) include (dt, st, src);

-- Every write, in order. Slim: the body of a version is kept by the write that superseded it (`was`), the current one is in `res`.
create table ver (
  seq bigint generated always as identity,
  xid xid8 not null default pg_current_xact_id(),
  at timestamptz not null,
  rt int2 not null,
  id uuid not null,
  version int not null,
  op char(1) not null check (op in ('c', 'u', 'd')),
  patient uuid,
  was text,
  primary key (rt, id, version)
);
create index ver_feed on ver (xid, seq);
create index ver_time on ver (rt, at, seq);

-- A store that was empty a minute ago must not be planned as if it still were.
alter table res set (autovacuum_analyze_scale_factor = 0.05, autovacuum_analyze_threshold = 1000);
alter table hot set (autovacuum_analyze_scale_factor = 0.05, autovacuum_analyze_threshold = 1000);
alter table refs set (autovacuum_analyze_scale_factor = 0.05, autovacuum_analyze_threshold = 1000);
alter table ver set (autovacuum_analyze_scale_factor = 0.05, autovacuum_analyze_threshold = 1000);
