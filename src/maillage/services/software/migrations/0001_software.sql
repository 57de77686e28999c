-- Software that is registered, what it was asked on the way, and what of it counts once only (docs/adr/0032-software.md).
-- verify: select to_regclass('software') is not null and to_regclass('software_code') is not null
-- verify: select to_regclass('software_launch') is not null and to_regclass('software_assertion') is not null

create table software (
  id text primary key,                        -- the client_id, and the id of the Device in the trail
  name text not null,
  editor text not null,
  contact text not null,
  method text not null check (method in ('none', 'client_secret_basic', 'private_key_jwt')),
  secret bytea,                               -- SHA-256 of 256 random bits
  grants text[] not null,
  redirects text[] not null,
  launch_uri text not null,
  scopes text[] not null,
  jwks jsonb,
  jwks_uri text not null,
  state text not null check (state in ('waiting', 'approved', 'refused', 'suspended')),
  asked timestamptz not null,
  asked_by text,                              -- id of the actor of the developers' page; null: by the registration endpoint
  origin text,                                -- the address it was asked from
  decided timestamptz,
  decided_by text,
  remark text not null default ''
);
create index software_by_state on software (state, asked);
create index software_of_editor on software (asked_by, asked) where asked_by is not null;
create index software_by_origin on software (origin, asked) where origin is not null;

-- The person said yes: a minute to exchange this, once. It stays for a while after, so that a second exchange is noticed.
create table software_code (
  hash bytea primary key,
  delegation uuid not null,
  client text not null,
  redirect_uri text not null,
  challenge text not null,
  nonce text not null,
  proved timestamptz not null,                -- when the person last proved who they are (auth_time)
  expires timestamptz not null,
  used timestamptz
);
create index software_code_to_clean on software_code (expires);

-- Opened from a record: which person's, by whom, for which software.
create table software_launch (
  hash bytea primary key,
  client text not null,
  actor text not null,
  patient text not null,
  expires timestamptz not null,
  used timestamptz
);
create index software_launch_to_clean on software_launch (expires);

-- Signed assertions that were shown: each counts once, in all processes. `jti` is a SHA-256.
create table software_assertion (
  client text not null,
  jti bytea not null,
  expires timestamptz not null,
  primary key (client, jti)
);
create index software_assertion_to_clean on software_assertion (expires);
