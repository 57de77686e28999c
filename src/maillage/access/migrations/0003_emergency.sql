-- Break-glass: the records that a professional opened in an emergency without being in the circle (docs/adr/0026-break-glass.md).
-- verify: select to_regclass('access_emergency') is not null
-- verify: select count(*) = 4 from pg_index where indrelid = to_regclass('access_emergency')

-- The sight it gives is rows of access_grant whose via is its id. A row is never deleted: it is the officer's list.
create table access_emergency (
  id uuid primary key default gen_random_uuid(),
  patient uuid not null,             -- key of the record that was opened
  record text not null,              -- its id, for pages
  actor text not null,               -- as in the trail
  reference text not null,           -- "Practitioner/12"
  name text not null,
  roles text[] not null,
  organizations text[] not null,
  reason text not null check (reason in ('life', 'unable', 'regulation')),
  words text not null,
  since timestamptz not null,
  until timestamptz not null,        -- set back to the instant when it is closed before its time
  reviewed timestamptz,
  reviewer text,
  verdict text check (verdict in ('justified', 'unjustified')),
  remark text,
  check ((reviewed is null) = (verdict is null))
);
create index access_emergency_of_actor on access_emergency (actor, until);
create index access_emergency_of_patient on access_emergency (patient, since);
create index access_emergency_by_time on access_emergency (since, id);

-- What a professional does in the records that they opened so is done in an emergency, whatever the page: the line says BTG (break the glass). A line
-- that touches another record too keeps the purpose it came with.
create function access_in_emergency(acting text, touched uuid[], instant timestamptz) returns boolean language sql stable as $$
  select touched <> '{}' and touched <@ array(
    select g.patient from access_emergency m join access_grant g on g.via = m.id
    where m.actor = acting and m.since <= instant and m.until >= instant)
$$;

create or replace function audit_append(entries jsonb) returns void language plpgsql as $$
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
           array(select jsonb_array_elements_text(e->'organizations')),
           case when e->>'kind' = 'professional' and access_in_emergency(e->>'actor', p.patients, (e->>'at')::timestamptz)
             then 'BTG' else e->>'purpose' end,
           e->>'door', e->>'action', e->>'type', e->>'id', p.patients, e->>'query', e->>'outcome'
    from jsonb_array_elements(entries) with ordinality as x(e, place),
         lateral (select array(select jsonb_array_elements_text(e->'patients')::uuid) as patients) p
    returning audit
  )
  select string_agg(audit_line(audit), E'\n' order by (audit).place), count(*) into lines, counted from stored;
  last.prev := coalesce(last.hash, '\x'::bytea);
  insert into audit_batch (chain, n, prev, hash, rows)
  values (mine, last.n, last.prev, sha256(last.prev || convert_to(lines, 'UTF8')), counted);
end
$$;
