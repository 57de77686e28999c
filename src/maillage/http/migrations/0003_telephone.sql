-- Sign-ins that wait for somebody's answer on their telephone (CIBA).
-- verify: select to_regclass('sign_in_push') is not null

-- browser and person are SHA-256 of the browser's cookie and of the national identifier; request is empty once it was taken. A row outlives
-- its question for some minutes, so that nobody's telephone is asked again and again.
create table sign_in_push (
  browser bytea primary key,
  person bytea not null,
  provider text not null,
  request text not null,
  binding text not null,
  go_to text not null,
  wait interval not null,
  due timestamptz not null,
  asked timestamptz not null,
  expires timestamptz not null
);
create index sign_in_push_of_person on sign_in_push (person, asked);
