-- A session may be of one of several places that a professional works in (docs/adr/0029-sessions.md).
-- verify: select count(*) = 1 from information_schema.columns where table_name = 'access_session' and column_name = 'situations'

-- Those to choose from, as the sign-in found them: JSON of Situation.
alter table access_session add column situations jsonb not null default '[]';

-- The roles that are there act for their organisation, and as their practitioner. The via of a membership is the key of its PractitionerRole.
insert into access_member (member, acts_for, via, since, until)
select via, acts_for, via, since, until from access_member where acts_for <> via
on conflict do nothing;
insert into access_member (member, acts_for, via, since, until)
select via, member, via, since, until from access_member where acts_for = via
on conflict do nothing;
