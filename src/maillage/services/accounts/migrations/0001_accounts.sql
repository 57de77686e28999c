-- Accounts held here for those without a professional card, and their factors (docs/adr/0028-accounts.md).
-- verify: select count(*) = 6 from pg_class where relname in ('account', 'account_link', 'account_passkey', 'account_recovery', 'account_challenge', 'account_try') and relkind = 'r'

create table account (
  id uuid primary key default gen_random_uuid(),
  email text not null unique check (email = lower(email)),
  given text not null,
  family text not null,
  role text not null check (role in ('social-worker', 'coordinator', 'steward', 'operator', 'officer', 'ars', 'administrator')),
  administers boolean not null default false, -- also invites for its organisation
  organization text,                          -- "Organization/3"
  reference text,                             -- "Practitioner/12", once the directory has them
  membership text,                            -- id of the PractitionerRole
  handle bytea not null unique,               -- what authenticators know the account by: random, says nothing
  password text,                              -- argon2id
  totp bytea,                                 -- sealed with a key that is not in the database
  totp_step bigint,                           -- the last 30 s whose code was used: it never counts again
  invited timestamptz not null,
  invited_by text not null,
  ready timestamptz,                          -- a factor was set
  closed timestamptz
);
create index account_of_organization on account (organization, family);

-- The one link of an account that counts; secrets are kept as SHA-256 only.
create table account_link (
  account uuid primary key references account (id),
  hash bytea not null unique,
  expires timestamptz not null
);

create table account_passkey (
  id bytea primary key,
  account uuid not null references account (id),
  public_key bytea not null,
  counter bigint not null,
  name text not null,
  added timestamptz not null,
  used timestamptz
);
create index account_passkey_of_account on account_passkey (account);

create table account_recovery (
  account uuid not null references account (id),
  hash bytea not null,
  used timestamptz,
  primary key (account, hash)
);

-- What a browser's authenticator is asked to sign: taken once, minutes long, bound to the browser by a cookie.
create table account_challenge (
  browser bytea primary key,
  challenge bytea not null,
  purpose text not null,
  expires timestamptz not null
);
create index account_challenge_to_clean on account_challenge (expires);

-- Tries to come in, by what they tried ("account …", "address …"): counted over minutes, forgotten after a day. Keys are hashes.
create table account_try (
  key bytea not null,
  at timestamptz not null
);
create index account_try_of_key on account_try (key, at);
create index account_try_to_clean on account_try (at);
