-- Legal representatives, named by the officer who saw the proof (docs/adr/0034-carers-and-requests.md).
-- verify: select to_regclass('rights_guardian') is not null

-- A row is never deleted: it says who saw which proof. Its RelatedPerson has its id.
create table rights_guardian (
  id uuid primary key,
  record text not null,                -- id of the Patient
  family text not null,
  given text not null,
  birth_date date not null,
  authority text not null check (authority in ('parental', 'judgment')),
  proof text not null,
  last_day date,
  named timestamptz not null,
  named_by text not null,
  ended timestamptz,
  ended_by text,
  check ((ended is null) = (ended_by is null))
);
create index rights_guardian_by_time on rights_guardian (named desc, id);
