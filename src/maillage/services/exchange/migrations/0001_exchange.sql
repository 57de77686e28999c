-- Messages answered, and what was refused with its original bytes.
-- verify: select count(*) = 3 from information_schema.tables where table_schema = 'public' and table_name in ('exchange_message', 'exchange_quarantine', 'exchange_attempt')
-- verify: select exists (select from pg_indexes where indexname = 'exchange_message_accepted_once')

create table exchange_message (
  id bigint generated always as identity primary key,
  source text not null,
  control_id text not null,
  type text not null,
  sha256 bytea not null,
  size integer not null,
  peer text not null,
  state text not null check (state in ('accepted', 'refused', 'replayed', 'dismissed')),
  code text not null check (code in ('AA', 'AE', 'AR')),
  answer bytea not null,
  same_control_id boolean not null default false,
  repeated integer not null default 0,
  patient text,
  records text[] not null default '{}',
  received_at timestamptz not null,
  answered_at timestamptz not null default clock_timestamp(),
  check ((state = 'accepted') = (code = 'AA'))
);
comment on column exchange_message.state is 'replayed: refused, then accepted under a corrected text; answer is then the one that text got';
comment on column exchange_message.same_control_id is 'another message of this source, with other bytes, bore the same MSH-10';
comment on column exchange_message.repeated is 'how often the same bytes came again and got the first answer again';
create unique index exchange_message_accepted_once on exchange_message (source, control_id, sha256) where code = 'AA';
create index exchange_message_control_id on exchange_message (source, control_id);
create index exchange_message_received on exchange_message (received_at);

create table exchange_quarantine (
  id uuid primary key default gen_random_uuid(),
  source text not null,
  control_id text not null,
  type text not null,
  sha256 bytea not null,
  original bytea not null,
  peer text not null,
  reason text not null check (reason in ('refused', 'failed', 'truncated', 'oversize', 'unframed')),
  code text check (code in ('AE', 'AR')),
  error text not null,
  segment text not null,
  sequence integer not null,
  field integer not null,
  repetition integer not null,
  component integer not null,
  subcomponent integer not null,
  text text not null,
  arrivals integer not null default 1,
  state text not null default 'open' check (state in ('open', 'replayed', 'dismissed')),
  received_at timestamptz not null,
  last_at timestamptz not null,
  closed_at timestamptz,
  closed_by text,
  closed_reason text,
  check ((state = 'open') = (closed_at is null))
);
alter table exchange_quarantine alter column original set storage external;
create unique index exchange_quarantine_open_once on exchange_quarantine (source, control_id, sha256) where state = 'open';
create index exchange_quarantine_open on exchange_quarantine (last_at desc, id) where state = 'open';

create table exchange_attempt (
  quarantine uuid not null references exchange_quarantine (id),
  number integer not null,
  content bytea not null,
  actor text not null,
  at timestamptz not null,
  code text not null check (code in ('AA', 'AE', 'AR')),
  place text not null,
  text text not null,
  primary key (quarantine, number)
);
comment on table exchange_attempt is 'texts replayed from the quarantine: who, when, and the answer each got; the original is never changed';
