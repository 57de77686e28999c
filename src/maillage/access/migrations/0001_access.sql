-- Who may see whom (derived from the records), who may come in, and the trace of every access.
-- verify: select to_regclass('access_grant') is not null and to_regclass('access_member') is not null and to_regclass('access_mask') is not null
-- verify: select to_regclass('access_token') is not null and to_regclass('access_session') is not null
-- verify: select count(*) = 3 from pg_proc where proname in ('access_derive', 'audit_append', 'audit_line')
-- verify: select count(*) = 4 from pg_trigger where tgname in ('audit_is_kept', 'audit_is_not_emptied', 'audit_batch_is_kept', 'audit_batch_is_not_emptied')

-- A grantee is the hash of a reference ("Practitioner/12", "Organization/3"); patient is res.patient.
-- via is the hash of the record that says so; origin is the patient that record names (another one than patient where identities are linked).
create table access_grant (
  patient uuid not null,
  grantee uuid not null,
  via uuid not null,
  origin uuid not null,
  since timestamptz not null default '-infinity',
  until timestamptz not null default 'infinity',
  primary key (patient, grantee, via, origin)
);
create index access_grant_of_grantee on access_grant (grantee, patient);
create index access_grant_by_record on access_grant (via);

-- A professional acts for an organisation (or as a role) while a PractitionerRole says so.
create table access_member (
  member uuid not null,
  acts_for uuid not null,
  via uuid not null,
  since timestamptz not null default '-infinity',
  until timestamptz not null default 'infinity',
  primary key (member, acts_for, via)
);
create index access_member_by_record on access_member (via);

-- A record kept from an audience ('patient', 'carer', 'professional'), except from its authors. Kept after a deletion: history stays masked.
create table access_mask (
  id uuid not null,
  audience text not null check (audience in ('patient', 'carer', 'professional')),
  authors uuid[] not null default '{}',
  primary key (id, audience)
);

-- Two Patient records of one person, as Patient.link says; via is the hash of the record holding the link.
create table access_link (
  via uuid not null,
  patient uuid not null,
  other uuid not null,
  primary key (via, patient, other)
);
create index access_link_of_patient on access_link (patient);
create index access_link_of_other on access_link (other);

create function access_identities(person uuid) returns setof uuid language sql stable rows 2 as $$
  with recursive same(patient) as (
    select person
    union
    select case when l.patient = s.patient then l.other else l.patient end
    from same s join access_link l on s.patient in (l.patient, l.other)
  )
  select patient from same
$$;

-- Replaces what the records named in vias say. One call per write; under a lock, because a grant written while
-- identities are being linked would miss the new link: grants share it, links take it alone.
create function access_derive(vias uuid[], grants jsonb, members jsonb, masked uuid[], masks jsonb, links jsonb)
returns void language plpgsql as $$
declare
  touched uuid[];
begin
  if links <> '[]' or exists (select from access_link where via = any(vias)) then
    perform pg_advisory_xact_lock(hashtext('access_link'));
    select coalesce(array_agg(distinct i), '{}') into touched
    from access_link l, lateral access_identities(l.patient) i where l.via = any(vias);
    delete from access_link where via = any(vias);
    insert into access_link (via, patient, other)
    select via, patient, other from jsonb_to_recordset(links) as l(via uuid, patient uuid, other uuid)
    on conflict do nothing;
    select touched || coalesce(array_agg(distinct i), '{}') into touched
    from access_link l, lateral access_identities(l.patient) i where l.via = any(vias);
  else
    perform pg_advisory_xact_lock_shared(hashtext('access_link'));
  end if;

  delete from access_grant where via = any(vias);
  insert into access_grant (patient, grantee, via, origin, since, until)
  select distinct on (i, g.grantee, g.via, g.patient) i, g.grantee, g.via, g.patient, g.since, g.until
  from jsonb_to_recordset(grants) as g(patient uuid, grantee uuid, via uuid, since timestamptz, until timestamptz),
       lateral access_identities(g.patient) i
  order by i, g.grantee, g.via, g.patient, g.until desc;

  if cardinality(touched) > 0 then
    delete from access_grant where patient = any(touched) and origin <> patient;
    insert into access_grant (patient, grantee, via, origin, since, until)
    select i, g.grantee, g.via, g.origin, g.since, g.until
    from access_grant g, lateral access_identities(g.origin) i
    where g.patient = any(touched) and g.origin = g.patient and i <> g.patient;
  end if;

  delete from access_member where via = any(vias);
  insert into access_member (member, acts_for, via, since, until)
  select member, acts_for, via, since, until
  from jsonb_to_recordset(members) as m(member uuid, acts_for uuid, via uuid, since timestamptz, until timestamptz)
  on conflict do nothing;

  delete from access_mask where id = any(masked);
  insert into access_mask (id, audience, authors)
  select id, audience, array(select jsonb_array_elements_text(authors)::uuid)
  from jsonb_to_recordset(masks) as m(id uuid, audience text, authors jsonb);
end
$$;

-- Secrets are kept as SHA-256 only; actor is the JSON of an Actor.
create table access_token (
  hash bytea primary key,
  actor jsonb not null,
  issued timestamptz not null,
  expires timestamptz not null,
  revoked timestamptz
);

-- A browser's session: it ends when idle too long, at its last hour, or at sign-out, whichever comes first.
create table access_session (
  hash bytea primary key,
  actor jsonb not null,
  hint text,
  opened timestamptz not null,
  seen timestamptz not null,
  idle_until timestamptz not null,
  ends timestamptz not null,
  closed timestamptz
);
create index access_session_to_clean on access_session (ends);

create table audit (
  chain smallint not null,
  batch bigint not null,
  place integer not null,
  at timestamptz not null,
  actor text not null,
  kind text not null,
  name text not null,
  roles text[] not null,
  reference text,
  organizations text[] not null,
  purpose text not null,
  door text not null,
  action text not null check (action in ('C', 'R', 'U', 'D', 'E')),
  type text not null,
  id text,
  patients uuid[] not null,
  query text,
  outcome text not null check (outcome in ('0', '4', '8', '12')),
  primary key (chain, batch, place)
);
create index audit_of_patient on audit using gin (patients);
create index audit_by_time on audit (at);

create table audit_batch (
  chain smallint not null,
  n bigint not null,
  prev bytea not null,
  hash bytea not null,
  rows integer not null,
  primary key (chain, n)
);

-- The secret under which searched names are hashed, so that a reader of the audit cannot guess them from a list of names.
create table audit_secret (secret bytea not null);
insert into audit_secret values (sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8')));

-- What is hashed: every column, as text that no session setting changes.
create function audit_line(a audit) returns text language sql immutable as $$
  select jsonb_build_array(a.chain, a.batch, a.place, extract(epoch from a.at)::text, a.actor, a.kind, a.name, a.roles, a.reference,
                           a.organizations, a.purpose, a.door, a.action, a.type, a.id, a.patients, a.query, a.outcome)::text
$$;

-- Appends the rows of one context to one of 32 chains. The chain is locked until the commit that follows at once.
create function audit_append(entries jsonb) returns void language plpgsql as $$
declare
  mine smallint := pg_backend_pid() % 32;
  last audit_batch;
  lines text;
  counted integer;
begin
  perform pg_advisory_xact_lock(hashtext('audit'), mine);
  select * into last from audit_batch where chain = mine order by n desc limit 1;
  last.n := coalesce(last.n, 0) + 1;
  with stored as (
    insert into audit (chain, batch, place, at, actor, kind, name, roles, reference, organizations, purpose, door,
                       action, type, id, patients, query, outcome)
    select mine, last.n, place, (e->>'at')::timestamptz, e->>'actor', e->>'kind', e->>'name',
           array(select jsonb_array_elements_text(e->'roles')), e->>'reference',
           array(select jsonb_array_elements_text(e->'organizations')), e->>'purpose', e->>'door', e->>'action', e->>'type', e->>'id',
           array(select jsonb_array_elements_text(e->'patients')::uuid), e->>'query', e->>'outcome'
    from jsonb_array_elements(entries) with ordinality as x(e, place)
    returning audit
  )
  select string_agg(audit_line(audit), E'\n' order by (audit).place), count(*) into lines, counted from stored;
  last.prev := coalesce(last.hash, '\x'::bytea);
  insert into audit_batch (chain, n, prev, hash, rows)
  values (mine, last.n, last.prev, sha256(last.prev || convert_to(lines, 'UTF8')), counted);
end
$$;

create function audit_refuses() returns trigger language plpgsql as $$
begin
  raise exception 'the audit is only ever added to: % on % refused', tg_op, tg_table_name using errcode = 'insufficient_privilege';
end
$$;
create trigger audit_is_kept before update or delete on audit for each statement execute function audit_refuses();
create trigger audit_is_not_emptied before truncate on audit for each statement execute function audit_refuses();
create trigger audit_batch_is_kept before update or delete on audit_batch for each statement execute function audit_refuses();
create trigger audit_batch_is_not_emptied before truncate on audit_batch for each statement execute function audit_refuses();
