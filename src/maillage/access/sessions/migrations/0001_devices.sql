-- What a person is shown of their sessions, when they last proved who they are, and a secret that changes (docs/adr/0029-sessions.md).
-- verify: select count(*) = 9 from information_schema.columns where table_name = 'access_session' and column_name in ('id', 'secret', 'offered', 'offered_at', 'former', 'renewed', 'proved', 'agent', 'address')
-- verify: select to_regclass('access_device') is not null

-- `hash` is of the first half of the cookie, which stays; `secret` of the second, which changes. Sessions from before have no second half (null).
alter table access_session
  add column id uuid not null default gen_random_uuid(),
  add column secret bytea,
  add column offered bytea,            -- the next secret, handed out and not yet shown
  add column offered_at timestamptz,
  add column former bytea,             -- the secret before: good for requests on their way, then the mark of a theft
  add column renewed timestamptz,
  add column proved timestamptz,       -- when the person last proved who they are
  add column agent text not null default '',
  add column address text not null default '';
create index access_session_of_actor on access_session ((actor->>'id'), opened) where closed is null;

-- The browsers that somebody signed in with: the hash of a cookie that outlives sessions.
create table access_device (
  actor text not null,
  hash bytea not null,
  first timestamptz not null,
  last timestamptz not null,
  primary key (actor, hash)
);
