-- What people ask of those who hold their data (RGPD art. 16, 18, 21): asked, due within a month, answered.
-- verify: select to_regclass('rights_request') is not null

create table rights_request (
  id uuid primary key,
  record text not null,                -- id of the Patient
  kind text not null check (kind in ('rectification', 'restriction', 'opposition')),
  about text,                          -- "DocumentReference/3": what is wrong, where it is one resource
  words text not null,
  asked timestamptz not null,
  asked_by text not null,              -- reference of the person, or of who acts in their name
  due date not null,
  state text not null default 'open' check (state in ('open', 'corrected', 'accepted', 'refused', 'lifted')),
  answer text,
  answered timestamptz,
  answered_by text,
  check ((state = 'open') = (answered is null) and (answered is null) = (answer is null))
);
create index rights_request_open on rights_request (due, id) where state = 'open';
create index rights_request_answered on rights_request (answered, id) where state <> 'open';
create index rights_request_of_record on rights_request (record, asked);
