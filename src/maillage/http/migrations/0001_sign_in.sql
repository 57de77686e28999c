-- Sign-ins between their start and the identity provider's answer.
-- verify: select to_regclass('sign_in_attempt') is not null

-- state and browser are SHA-256 of what the browser carries; verifier and nonce are needed as they are, for some minutes.
create table sign_in_attempt (
  state bytea primary key,
  browser bytea not null,
  provider text not null,
  nonce text not null,
  verifier text not null,
  go_to text not null,
  expires timestamptz not null
);
create index sign_in_attempt_to_clean on sign_in_attempt (expires);
