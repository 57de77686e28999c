-- Where each reaction stands in the feed of events, what was set aside, who works.
-- verify: select to_regclass('reaction_cursor') is not null and to_regclass('dead_letter') is not null
-- verify: select to_regclass('worker_heartbeat') is not null and to_regclass('job_done') is not null

-- Events up to (xid, seq) are done. retry_at and fault are about the next one, after attempts failures.
create table reaction_cursor (
  reaction text primary key,
  kinds text[] not null,
  xid xid8 not null,
  seq bigint not null,
  attempts integer not null default 0,
  retry_at timestamptz,
  fault text
);

-- fault is the class and place of the failure, never its message, which could name a patient.
create table dead_letter (
  id bigint generated always as identity primary key,
  reaction text not null,
  xid xid8 not null,
  seq bigint not null,
  happened timestamptz not null,
  kind text not null,
  payload jsonb not null,
  attempts integer not null,
  fault text not null,
  at timestamptz not null,
  retry boolean not null default false,
  unique (reaction, xid, seq)
);
create index dead_letter_to_retry on dead_letter (reaction) where retry;

create table worker_heartbeat (
  worker text primary key,
  started timestamptz not null,
  seen timestamptz not null,
  version text not null
);

-- Jobs whose database effect is committed: a job run again after a crash finds itself here.
create table job_done (
  job bigint primary key,
  at timestamptz not null
);
create index job_done_to_clean on job_done (at);
