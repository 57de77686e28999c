-- Who sees what of a record they may see: the matrix of professions and classes, and what the person chose.
-- verify: select count(*) = 4 from pg_class where oid in (to_regclass('access_author'), to_regclass('access_class'), to_regclass('access_matrix'), to_regclass('access_habilitation'))
-- verify: select count(*) = 1 from information_schema.columns where table_name = 'access_grant' and column_name = 'weight'
-- verify: select count(*) = 2 from information_schema.columns where table_name = 'access_mask' and column_name in ('rt', 'until')
-- verify: select count(*) = 1 and min(pronargs) = 7 from pg_proc where proname = 'access_derive'
-- verify: select count(*) = 12 from access_habilitation

-- How rows about one person and one grantee stand against each other: the heaviest decides, an even one opens, an odd one does not.
-- 0 the records give it; 1 the person keeps it from all professionals, or all who coordinate; 2 opened in an emergency; 3 kept from this grantee by name.
alter table access_grant add column weight smallint not null default 0 check (weight between 0 and 3);
update access_grant set weight = 2 from access_emergency e where access_grant.via = e.id;

-- Ids of two types may be the same: a mask is of one resource.
alter table access_mask add column rt smallint, add column until timestamptz not null default 'infinity';
alter table access_telling add column rt smallint;
update access_mask k set rt = coalesce((select r.rt from res r where r.id = k.id and r.rt in (23, 42, 111, 140) limit 1), 42);
update access_telling t set rt = coalesce((select r.rt from res r where r.id = t.teller and r.rt in (23, 111, 140) limit 1), 140);
alter table access_mask alter column rt set not null, drop constraint access_mask_pkey, drop constraint access_mask_audience_check,
  add primary key (rt, id, audience, via),
  add check (audience in ('patient', 'carer', 'professional', 'coordination') or audience like 'class:%');
alter table access_telling alter column rt set not null, drop constraint access_telling_pkey, add primary key (document, rt, teller);

-- via is the name of the record that says so, as in access_grant (first half of SHA-256 of "Type/id"); it was its key.
create function access_name(reference text) returns uuid language sql immutable as $$
  select encode(substring(sha256(convert_to(reference, 'UTF8')) for 16), 'hex')::uuid
$$;
update access_mask k set via = access_name('DocumentReference/' || (r.body::jsonb ->> 'id')) from res r where r.rt = 42 and r.id = k.via;

-- Who signed a resource, asked for it or was asked: they go on seeing it, and nothing else of the record, when they no longer care for the person.
create table access_author (
  author uuid not null,
  patient uuid not null,
  rt smallint not null,
  id uuid not null,
  primary key (author, patient, rt, id)
);
create index access_author_of_record on access_author (rt, id);

-- The matrix: which class of records each profession reads (docs/adr/0027-classes-and-choices.md). `types`: numbers of resource types (fhir/ids.py).
create table access_class (
  class text primary key,
  types smallint[] not null
);
create table access_matrix (
  profession text not null,
  class text not null references access_class (class),
  reads boolean not null,
  changed timestamptz,
  changed_by text,
  primary key (profession, class)
);
-- What the filter asks, one row a profession: the types and audiences that the matrix keeps from it.
create table access_habilitation (
  profession text primary key,
  types smallint[] not null,
  audiences text[] not null
);

create function access_settle() returns trigger language plpgsql as $$
begin
  insert into access_habilitation (profession, types, audiences)
  select m.profession,
         coalesce((array_agg(t.type order by t.type) filter (where t.type is not null and not m.reads))::smallint[], '{}'),
         coalesce(array_agg(distinct 'class:' || m.class) filter (where not m.reads), '{}')
  from access_matrix m join access_class c using (class) left join lateral unnest(c.types) as t(type) on true
  group by m.profession
  on conflict (profession) do update set types = excluded.types, audiences = excluded.audiences;
  return null;
end
$$;
create trigger access_matrix_settles after insert or update or delete on access_matrix for each statement execute function access_settle();

insert into access_class (class, types) values
  ('identity', '{103,106,114}'),
  ('circle', '{5,6,15,29,31,44,48,111}'),
  ('coordination', '{14,23,24,55,56,70,113,115,124,140}'),
  ('treatment', '{4,62,63,64,76,77,79,80}'),
  ('clinical', '{1,2,3,7,8,10,11,12,13,16,17,18,19,20,21,22,25,27,28,30,32,33,34,35,36,37,38,39,40,41,43,45,46,47,49,50,51,52,53,54,57,58,59,60,61,65,66,67,68,69,71,72,73,74,75,78,81,82,83,84,85,86,87,88,89,90,91,92,93,94,95,96,97,98,99,100,101,102,104,105,107,108,109,110,112,116,117,118,119,120,121,122,123,125,126,127,128,129,130,131,132,133,134,135,136,137,138,139,141,142,143,144,145,146}'),
  ('summary', '{}'),
  ('letter', '{}'),
  ('report', '{}'),
  ('biology', '{}'),
  ('imaging', '{}'),
  ('prescription', '{}'),
  ('dispensation', '{}'),
  ('care-plan', '{}'),
  ('vaccination', '{}'),
  ('psychiatry', '{}'),
  ('genetics', '{}'),
  ('social', '{}'),
  ('wishes', '{}'),
  ('administrative', '{}'),
  ('reimbursement', '{}'),
  ('patient', '{}'),
  ('unsorted', '{}');

insert into access_matrix (profession, class, reads)
select p.profession, c.class, p.profession = any(string_to_array(c.readers, ' '))
from (values ('doctor'), ('midwife'), ('dentist'), ('pharmacist'), ('nurse'), ('physiotherapist'), ('allied'), ('fitter'), ('psychologist'), ('coordination'), ('social'), ('other')) as p (profession),
(values
  ('identity', 'doctor midwife dentist pharmacist nurse physiotherapist allied fitter psychologist coordination social other'),
  ('circle', 'doctor midwife dentist pharmacist nurse physiotherapist allied fitter psychologist coordination social other'),
  ('coordination', 'doctor midwife dentist pharmacist nurse physiotherapist allied psychologist coordination social'),
  ('treatment', 'doctor midwife dentist pharmacist nurse physiotherapist allied coordination'),
  ('clinical', 'doctor midwife dentist pharmacist nurse physiotherapist allied psychologist coordination'),
  ('summary', 'doctor midwife dentist pharmacist nurse physiotherapist allied psychologist coordination'),
  ('letter', 'doctor midwife dentist pharmacist nurse physiotherapist allied psychologist coordination'),
  ('report', 'doctor midwife dentist pharmacist nurse physiotherapist allied psychologist coordination'),
  ('biology', 'doctor midwife dentist pharmacist nurse coordination'),
  ('imaging', 'doctor midwife dentist nurse physiotherapist allied coordination'),
  ('prescription', 'doctor midwife dentist pharmacist nurse physiotherapist allied fitter coordination'),
  ('dispensation', 'doctor midwife dentist pharmacist nurse coordination'),
  ('care-plan', 'doctor midwife dentist pharmacist nurse physiotherapist allied psychologist coordination social'),
  ('vaccination', 'doctor midwife dentist pharmacist nurse coordination'),
  ('psychiatry', 'doctor nurse psychologist'),
  ('genetics', 'doctor midwife'),
  ('social', 'doctor midwife nurse physiotherapist allied psychologist coordination social'),
  ('wishes', 'doctor midwife dentist pharmacist nurse physiotherapist allied psychologist coordination'),
  ('administrative', 'doctor midwife dentist pharmacist nurse physiotherapist allied psychologist coordination social'),
  ('reimbursement', 'doctor pharmacist'),
  ('patient', 'doctor midwife dentist pharmacist nurse coordination'),
  ('unsorted', 'doctor midwife dentist pharmacist nurse physiotherapist allied psychologist coordination')
) as c (class, readers);

-- Documents stored before are of a type that nobody sorted yet: the next write of each says its class.
insert into access_mask (rt, id, audience, via)
select r.rt, r.id, 'class:unsorted', access_name((r.body::jsonb ->> 'resourceType') || '/' || (r.body::jsonb ->> 'id'))
from res r where r.rt in (26, 42) and r.body <> ''
on conflict do nothing;


drop function access_derive(uuid[], jsonb, jsonb, uuid[], jsonb, jsonb);

-- As in 0002, and: a weight, masks of any type until an instant, who signed. A mask that ends keeps its first end when its record is written again.
create function access_derive(vias uuid[], grants jsonb, members jsonb, masked uuid[], masks jsonb, links jsonb, signed jsonb)
returns void language plpgsql as $$
declare
  touched uuid[];
  ending jsonb;
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
  elsif vias <> '{}' then
    perform pg_advisory_xact_lock_shared(hashtext('access_link'));
  end if;

  if vias <> '{}' then
    delete from access_grant where via = any(vias);
    insert into access_grant (patient, grantee, via, origin, since, until, weight)
    select distinct on (i, g.grantee, g.via, g.patient) i, g.grantee, g.via, g.patient, g.since, g.until, g.weight
    from jsonb_to_recordset(grants) as g(patient uuid, grantee uuid, via uuid, since timestamptz, until timestamptz, weight smallint),
         lateral access_identities(g.patient) i
    order by i, g.grantee, g.via, g.patient, g.weight desc, g.until desc;

    if cardinality(touched) > 0 then
      delete from access_grant where patient = any(touched) and origin <> patient;
      insert into access_grant (patient, grantee, via, origin, since, until, weight)
      select i, g.grantee, g.via, g.origin, g.since, g.until, g.weight
      from access_grant g, lateral access_identities(g.origin) i
      where g.patient = any(touched) and g.origin = g.patient and i <> g.patient;
    end if;

    delete from access_member where via = any(vias);
    insert into access_member (member, acts_for, via, since, until)
    select member, acts_for, via, since, until
    from jsonb_to_recordset(members) as m(member uuid, acts_for uuid, via uuid, since timestamptz, until timestamptz)
    on conflict do nothing;
  end if;

  if masked <> '{}' then
    perform pg_advisory_xact_lock(hashtextextended(document::text, 0))
    from (select distinct id as document from jsonb_to_recordset(masks) as m(id uuid, rt smallint) where rt in (26, 42) order by 1) as hidden;
    select jsonb_agg(to_jsonb(k)) into ending from access_mask k where k.via = any(masked) and k.until < 'infinity';
    delete from access_mask where via = any(masked);
    insert into access_mask (rt, id, audience, authors, via, until)
    select hidden.rt, hidden.id, m.audience,
           array(select jsonb_array_elements_text(m.authors)::uuid union select a.author from access_author a where a.rt = m.rt and a.id = m.id),
           m.via,
           least(m.until, (select min(e.until) from jsonb_to_recordset(ending) as e(rt smallint, id uuid, audience text, via uuid, until timestamptz)
                           where (e.rt, e.id, e.audience, e.via) = (m.rt, m.id, m.audience, m.via)))
    from jsonb_to_recordset(masks) as m(rt smallint, id uuid, via uuid, audience text, authors jsonb, until timestamptz, patient uuid),
         lateral (select m.rt, m.id
                  union all
                  select t.rt, t.teller from access_telling t where m.rt = 42 and t.document = m.id) as hidden(rt, id)
    where m.patient is null  -- else somebody chose: their choice is about their own record
       or exists (select from res r where r.rt = m.rt and r.id = m.id and r.patient in (select access_identities(m.patient)))
    on conflict do nothing;
  end if;

  if signed <> '[]' then
    delete from access_author a using jsonb_to_recordset(signed) as s(rt smallint, id uuid) where a.rt = s.rt and a.id = s.id;
    insert into access_author (author, patient, rt, id)
    select author::uuid, s.patient, s.rt, s.id
    from jsonb_to_recordset(signed) as s(rt smallint, id uuid, patient uuid, authors jsonb), lateral jsonb_array_elements_text(s.authors) as author
    on conflict do nothing;
  end if;
end
$$;

-- As in 0002, and: what a notice is kept from by itself stays; the person's choice about a document reaches what tells of it.
create or replace function access_tell(tellings jsonb) returns void language plpgsql as $$
begin
  perform pg_advisory_xact_lock_shared(hashtextextended(document::text, 0))
  from (select distinct document from jsonb_to_recordset(tellings) as t(document uuid) where document is not null order by 1) as told;
  delete from access_mask k using access_telling t, jsonb_to_recordset(tellings) as w(teller uuid, rt smallint)
  where t.teller = w.teller and t.rt = w.rt and k.rt = w.rt and k.id = w.teller
    and exists (select from access_mask o where o.rt = 42 and o.id = t.document and o.via = k.via);
  delete from access_telling t using jsonb_to_recordset(tellings) as w(teller uuid, rt smallint) where t.teller = w.teller and t.rt = w.rt;
  insert into access_telling (teller, rt, document)
  select distinct teller, rt, document from jsonb_to_recordset(tellings) as t(teller uuid, rt smallint, document uuid) where document is not null;
  insert into access_mask (rt, id, audience, authors, via, until)
  select t.rt, t.teller, m.audience, m.authors, m.via, m.until
  from jsonb_to_recordset(tellings) as t(teller uuid, rt smallint, document uuid) join access_mask m on m.rt = 42 and m.id = t.document
  on conflict do nothing;
end
$$;
