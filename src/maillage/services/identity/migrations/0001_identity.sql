-- verify: select to_regclass('identity_person') is not null and to_regclass('identity_case') is not null
-- verify: select count(*) = 1 from pg_indexes where indexname = 'identity_one_record_per_ins'
-- verify: select count(*) = 1 from pg_indexes where indexname = 'identity_one_open_case'

-- Who is known by which traits. Derived from the Patient of the same id by its guard; `record` is the regional record it is
-- (its own id) or refers to, null while a steward has not decided. Names are in their RNIV form.
create table identity_person (
  patient text primary key,
  record text,
  ins_root text,
  matricule text,
  birth_name text not null,
  given_names text not null,
  first_given text not null,
  birth_date text not null,
  sex text not null,
  birth_place text not null
);
-- Two regional records never share an INS, whoever writes them.
create unique index identity_one_record_per_ins on identity_person (ins_root, matricule) where record = patient and matricule is not null;
create index identity_by_ins on identity_person (matricule, ins_root) where matricule is not null;
create index identity_by_traits on identity_person (birth_date, birth_name, first_given);
-- What a keyboard makes of the same person: hyphens left out, another year, another spelling on the same day.
create index identity_by_loose_name on identity_person (translate(birth_name, '-''', '  '), first_given);
create index identity_by_birthday on identity_person (first_given, right(birth_date, 5));
create index identity_by_record on identity_person (record) where record is not null;

-- The cross-reference: a facility's own identifier of a person. Learnt from certain messages as well as from the Patient.
create table identity_identifier (
  system text not null,
  value text not null,
  patient text not null references identity_person (patient) on delete cascade,
  primary key (system, value, patient)
);
create index identity_identifier_of_person on identity_identifier (patient);

-- What waits for a steward, and what was decided. `near` are the people to compare with.
create table identity_case (
  id bigint generated always as identity primary key,
  opened timestamptz not null,
  patient text not null references identity_person (patient) on delete cascade,
  reason text not null check (reason in
    ('discordant', 'discordant-identifier', 'same-traits', 'several', 'unknown', 'merge')),
  near text[] not null default '{}',
  origin text not null default '',
  messages integer not null default 1,
  state text not null default 'open' check (state in ('open', 'linked', 'promoted', 'matched')),
  decided timestamptz,
  decided_by text,
  record text,
  check ((state = 'open') = (decided is null))
);
create unique index identity_one_open_case on identity_case (patient) where state = 'open';
create index identity_open_cases on identity_case (opened, id) where state = 'open';
create index identity_decisions on identity_case (decided_by, decided desc) where state <> 'open';

-- Numbers of regional records.
create sequence identity_regional_number start 1000001;
