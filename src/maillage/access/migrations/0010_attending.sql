-- The attending physician (médecin traitant) sees what is masked from professionals (docs/adr/0027-classes-and-choices.md).
-- verify: select not exists (select from access_mask k where k.rt = 42 and k.audience = 'professional' and k.via in (select access_name('Consent/' || (r.body::jsonb ->> 'id')) from res r where r.rt = 29 and r.body <> '') and not k.authors @> array[access_name('attending')])
-- verify: select not exists (select from res r, jsonb_array_elements(r.body::jsonb -> 'generalPractitioner') g where r.rt = 103 and r.body <> '' and g ->> 'reference' ~ '^Practitioner/[A-Za-z0-9.-]{1,64}$' and not exists (select from access_grant a where a.patient = r.patient and a.grantee = access_name('attending/' || (g ->> 'reference'))))

-- Each Patient says who it is, by a name of its own; linked identities share it.
insert into access_grant (patient, grantee, via, origin)
select distinct i, access_name('attending/' || named.one), access_name('Patient/' || (r.body::jsonb ->> 'id')), r.patient
from res r,
     jsonb_array_elements(r.body::jsonb -> 'generalPractitioner') g,
     lateral (select substring(g ->> 'reference' from '^(PractitionerRole/[A-Za-z0-9.-]{1,64}|Practitioner/[A-Za-z0-9.-]{1,64})(?:/_history/[A-Za-z0-9.-]+)?$')) named (one),
     lateral access_identities(r.patient) i
where r.rt = 103 and r.body <> '' and r.patient is not null and named.one is not null
on conflict do nothing;

-- Who is named by a function is so by their own name too.
insert into access_member (member, acts_for, via, since, until)
select access_name('attending/' || (r.body::jsonb -> 'practitioner' ->> 'reference')),
       access_name('attending/PractitionerRole/' || (r.body::jsonb ->> 'id')), m.via, m.since, m.until
from res r join access_member m on m.via = access_name('PractitionerRole/' || (r.body::jsonb ->> 'id'))
  and m.acts_for = m.via and m.member = access_name(r.body::jsonb -> 'practitioner' ->> 'reference')
where r.rt = 109 and r.body <> ''
on conflict do nothing;

-- What a person masked, and what is labelled MASQUE_PS and not very restricted, excepts whoever that is; so does what tells of it.
update access_mask k set authors = k.authors || access_name('attending')
where k.audience = 'professional' and k.rt <> 29 and not k.authors @> array[access_name('attending')]
  and k.via in (
    select access_name('Consent/' || (r.body::jsonb ->> 'id')) from res r where r.rt = 29 and r.body <> ''
    union all
    select access_name('DocumentReference/' || (r.body::jsonb ->> 'id')) from res r
    where r.rt = 42 and r.body <> ''
      and (jsonb_path_exists(r.body::jsonb, '$.securityLabel[*].coding[*] ? (@.code == "MASQUE_PS")') or jsonb_path_exists(r.body::jsonb, '$.meta.security[*] ? (@.code == "MASQUE_PS")'))
      and not jsonb_path_exists(r.body::jsonb, '$.securityLabel[*].coding[*] ? (@.code == "V")') and not jsonb_path_exists(r.body::jsonb, '$.meta.security[*] ? (@.code == "V")'));
