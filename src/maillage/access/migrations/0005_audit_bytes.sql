-- The chain hashes rows as PostgreSQL sends them (docs/adr/0030-the-trail-verified.md), and what each verification found is kept.
-- verify: select count(*) = 1 from information_schema.columns where table_name = 'audit_batch' and column_name = 'form'
-- verify: select count(*) = 1 from pg_proc where proname = 'audit_bytes'
-- verify: select provolatile = 's' from pg_proc where proname = 'audit_line'
-- verify: select to_regclass('audit_check') is not null
-- verify: select count(*) = 1 from information_schema.columns where table_name = 'audit' and column_name = 'origin'
-- verify: select indisvalid from pg_index where indexrelid = to_regclass('audit_of_actor')

-- Building the index takes about a second a million lines, and who appends waits meanwhile.
set local statement_timeout = 0;

-- How the rows of a link are hashed: 1, lines of JSON text (`audit_line`); 2, what PostgreSQL sends (`audit_bytes`). What is there is of form 1.
alter table audit_batch add column form smallint not null default 1 check (form in (1, 2));

-- Where from: the address of whoever asked. Rows of form 1 have none.
alter table audit add column origin text;

-- Every column, in the binary form of the protocol: no session setting changes it but the client's encoding, which both who appends and who
-- verifies hold to UTF8. A row of these columns and not `a`: a column added later must not change what was hashed.
create function audit_bytes(a audit) returns bytea language sql stable as $$
  select record_send(row(a.chain, a.batch, a.place, a.at, a.actor, a.kind, a.name, a.roles, a.reference, a.organizations, a.purpose, a.door,
                         a.action, a.type, a.id, a.patients, a.query, a.outcome, a.origin))
$$;

-- As in 0001. What it calls is stable: said to be immutable it could not be written into the statement that asks, and cost twice as much.
create or replace function audit_line(a audit) returns text language sql stable as $$
  select jsonb_build_array(a.chain, a.batch, a.place, extract(epoch from a.at)::text, a.actor, a.kind, a.name, a.roles, a.reference,
                           a.organizations, a.purpose, a.door, a.action, a.type, a.id, a.patients, a.query, a.outcome)::text
$$;

-- As in 0003, but for the form and where from.
create or replace function audit_append(entries jsonb) returns void language plpgsql as $$
declare
  mine smallint := pg_backend_pid() % 32;
  last audit_batch;
  bytes bytea;
  counted integer;
begin
  if pg_client_encoding() <> 'UTF8' then
    raise exception 'the trail is written in UTF8 only, not in %', pg_client_encoding();
  end if;
  perform pg_advisory_xact_lock(hashtext('audit'), mine);
  select * into last from audit_batch where chain = mine order by n desc limit 1;
  last.n := coalesce(last.n, 0) + 1;
  with stored as (
    insert into audit (chain, batch, place, at, actor, kind, name, roles, reference, organizations, purpose, door,
                       action, type, id, patients, query, outcome, origin)
    select mine, last.n, place, (e->>'at')::timestamptz, e->>'actor', e->>'kind', e->>'name',
           array(select jsonb_array_elements_text(e->'roles')), e->>'reference',
           array(select jsonb_array_elements_text(e->'organizations')),
           case when e->>'kind' = 'professional' and access_in_emergency(e->>'actor', p.patients, (e->>'at')::timestamptz)
             then 'BTG' else e->>'purpose' end,
           e->>'door', e->>'action', e->>'type', e->>'id', p.patients, e->>'query', e->>'outcome', e->>'origin'
    from jsonb_array_elements(entries) with ordinality as x(e, place),
         lateral (select array(select jsonb_array_elements_text(e->'patients')::uuid) as patients) p
    returning audit
  )
  select string_agg(audit_bytes(audit), ''::bytea order by (audit).place), count(*) into bytes, counted from stored;
  last.prev := coalesce(last.hash, '\x'::bytea);
  insert into audit_batch (chain, n, prev, hash, rows, form)
  values (mine, last.n, last.prev, sha256(last.prev || bytes), counted, 2);
end
$$;

-- What each verification of the whole trail found. `faults` is a list of {chain, n, fault}, the first hundred; `broken` counts them all.
create table audit_check (
  id bigint generated always as identity primary key,
  at timestamptz not null,
  seconds double precision not null,
  entries bigint not null,
  links bigint not null,
  kept integer not null,               -- heads kept outside that it was compared with
  broken bigint not null,
  faults jsonb not null
);
create index audit_check_by_time on audit_check (at);

-- What one person or program did is found by who they are: the officer's search, AuditEvent?agent=, the nightly look for what is unusual.
create index audit_of_actor on audit (reference, at) where reference is not null;
