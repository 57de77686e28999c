-- When somebody is taken by an appointment, so that nobody is in two places at once (docs/adr/0050-agenda.md).
-- verify: select to_regclass('coordination_booking') is not null
create table coordination_booking (
  appointment text not null, -- id of the Appointment
  person text not null, -- "Practitioner/3"
  since timestamptz not null,
  until timestamptz not null check (until > since),
  primary key (appointment, person)
);
create index coordination_booking_person on coordination_booking (person, until);
