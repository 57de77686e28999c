-- Who is away, from when until when, and who stands in for them (docs/adr/0046-absence.md).
-- verify: select to_regclass('coordination_absence') is not null
create table coordination_absence (
  id uuid primary key,
  person text not null, -- "Practitioner/3"
  since date not null, -- first and last day, of the region
  until date not null check (until >= since),
  substitute text check (substitute <> person),
  said_by text not null,
  said timestamptz not null
);
create index coordination_absence_person on coordination_absence (person, until);
