-- Numbers and quantities that resources are found by (docs/adr/0017-numbers-and-units.md).
-- verify: select count(*) = 1 from pg_class where relname = 'amount' and relkind = 'r' and relnamespace = current_schema::regnamespace
-- verify: select count(*) = 3 from pg_index i join pg_class c on c.oid = i.indrelid where c.relname = 'amount' and c.relnamespace = current_schema::regnamespace

-- One value of a number or quantity parameter. A point has lo = hi; an interval, which a search meets otherwise, is under keys of its own.
create table amount (
  k int8 not null,                   -- type, parameter, and the dimension of a UCUM unit or the unit itself (fhir/amounts.py)
  lo numeric not null,               -- in base units of the dimension; of a composite of two numbers the first, of `near` the latitude
  hi numeric not null,
  p int8,                            -- type and parameter, whatever the unit; null where there is none
  raw_lo numeric,                    -- as written
  raw_hi numeric,
  tok int8[] not null,               -- marks of the unit as written, tokens of the code it stands with in a composite
  id uuid not null,
  rt int2 not null
);
create index amount_key on amount (k, lo, id) include (hi);
create index amount_raw on amount (p, raw_lo, id) include (raw_hi) where p is not null;
create index amount_row on amount (id);

alter table amount set (autovacuum_analyze_scale_factor = 0.05, autovacuum_analyze_threshold = 1000);
