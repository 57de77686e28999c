-- Software that acts for a person: what each was let do, until when, and what of the trail each left (docs/adr/0032-software.md).
-- verify: select to_regclass('access_delegation') is not null and to_regclass('access_refresh') is not null
-- verify: select count(*) = 2 from information_schema.columns where table_name = 'access_token' and column_name in ('client', 'delegation')
-- verify: select count(*) = 1 from pg_proc where proname = 'access_stands'
-- verify: select indisvalid from pg_index where indexrelid = to_regclass('audit_of_software')

-- Building the index reads the trail once: about a second every few million lines.
set local statement_timeout = 0;

-- A person lets a software act for them: one row each time they said yes. Without `session` it outlives the session it was given in.
create table access_delegation (
  id uuid primary key,
  client text not null,
  actor jsonb not null,                -- who acts by it: the person's actor, with scopes, client and patient
  session uuid,
  since timestamptz not null,
  used timestamptz not null,
  ends timestamptz not null,
  revoked timestamptz
);
create index access_delegation_of_person on access_delegation ((actor->>'id'), since) where revoked is null;
create index access_delegation_of_client on access_delegation (client) where revoked is null;
create index access_delegation_to_clean on access_delegation (ends);

-- Whether a delegation counts: not taken back, not at its end, and the session that it was given in (where it is of one) not over.
-- In PL/pgSQL, which reads its body when it is first called: sessions have ids since a migration of `access.sessions`, which comes after these.
create function access_stands(d access_delegation, at timestamptz) returns boolean language plpgsql stable as $$
begin
  return d.revoked is null and d.ends > at
    and (d.session is null or exists (select from access_session s where s.id = d.session and s.closed is null and s.ends > at));
end
$$;

-- Each refresh token counts once: one that is shown again was stolen, here or there, and ends the delegation.
create table access_refresh (
  hash bytea primary key,
  delegation uuid not null references access_delegation (id) on delete cascade,
  issued timestamptz not null,
  used timestamptz
);
create index access_refresh_of_delegation on access_refresh (delegation);

alter table access_token add column client text, add column delegation uuid;
create index access_token_of_client on access_token (client) where client is not null;
create index access_token_of_delegation on access_token (delegation) where delegation is not null;
create index access_token_to_clean on access_token (expires);

-- What one software did for people; what it did for itself is found by `audit_of_actor`.
create index audit_of_software on audit (door, at) where door like 'fhir %';
