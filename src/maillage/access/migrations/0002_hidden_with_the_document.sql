-- What tells of a hidden document (a notice, a task) is hidden with it: a mask says by which record (via), and who tells is kept.
-- verify: select to_regclass('access_telling') is not null
-- verify: select count(*) = 1 from information_schema.columns where table_name = 'access_mask' and column_name = 'via' and is_nullable = 'NO'
-- verify: select count(*) = 1 from pg_proc where proname = 'access_tell'

create table access_telling (
  teller uuid not null,
  document uuid not null,
  primary key (document, teller)
);
create index access_telling_of_teller on access_telling (teller);

-- via is the document that says so: the masked record itself, or the one it tells of.
alter table access_mask add column via uuid;
update access_mask set via = id;
alter table access_mask alter column via set not null, drop constraint access_mask_pkey, add primary key (id, audience, via);
create index access_mask_by_record on access_mask (via);

-- As in 0001, but for the masks: they reach what tells of the document. A lock for each masked document keeps a notice that is written
-- at the same time from missing the mask (`access_tell` shares it).
create or replace function access_derive(vias uuid[], grants jsonb, members jsonb, masked uuid[], masks jsonb, links jsonb)
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

  if masks <> '[]' then
    perform pg_advisory_xact_lock(hashtextextended(document::text, 0))
    from (select distinct id as document from jsonb_to_recordset(masks) as m(id uuid) order by 1) as hidden;
  end if;
  delete from access_mask where via = any(masked);
  insert into access_mask (id, audience, authors, via)
  select hidden.id, m.audience, array(select jsonb_array_elements_text(m.authors)::uuid), m.id
  from jsonb_to_recordset(masks) as m(id uuid, audience text, authors jsonb),
       lateral (select m.id union all select t.teller from access_telling t where t.document = m.id) as hidden(id);
end
$$;

-- Replaces what these records were last known to tell of, and hides them from whom those documents are hidden.
create function access_tell(tellings jsonb) returns void language plpgsql as $$
declare
  written uuid[];
begin
  select array_agg(distinct teller) into written from jsonb_to_recordset(tellings) as t(teller uuid);
  perform pg_advisory_xact_lock_shared(hashtextextended(document::text, 0))
  from (select distinct document from jsonb_to_recordset(tellings) as t(document uuid) order by 1) as told;
  delete from access_telling where teller = any(written);
  insert into access_telling (teller, document)
  select distinct teller, document from jsonb_to_recordset(tellings) as t(teller uuid, document uuid);
  delete from access_mask where id = any(written);
  insert into access_mask (id, audience, authors, via)
  select t.teller, m.audience, m.authors, m.via
  from access_telling t join access_mask m on m.id = t.document and m.via = t.document
  where t.teller = any(written);
end
$$;
