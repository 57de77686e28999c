-- A session may be of one of several places that a professional works in (docs/adr/0029-sessions.md).
-- verify: select count(*) = 1 from information_schema.columns where table_name = 'access_session' and column_name = 'situations'

-- Those to choose from, as the sign-in found them: JSON of Situation.
alter table access_session add column situations jsonb not null default '[]';

-- Who works in a role acts for what its practitioner acts for by it, and as the practitioner. Their key is made of the via, the key of the
-- PractitionerRole (`references.at_work_in`).
insert into access_member (member, acts_for, via, since, until)
select md5(via::text)::uuid, acts_for, via, since, until from access_member
union
select md5(via::text)::uuid, member, via, since, until from access_member
on conflict do nothing;
