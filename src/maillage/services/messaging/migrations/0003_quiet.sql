-- When somebody is not to be disturbed by e-mail, unless a message is marked urgent; `mail` false: never by e-mail.
-- verify: select count(*) = 4 from information_schema.columns where table_name = 'messaging_quiet'
-- verify: select count(*) = 6 from information_schema.columns where table_name = 'messaging_mail'
create table messaging_quiet (
  person text primary key,
  starts time,
  ends time,
  mail boolean not null default true
);
alter table messaging_mail add column urgent boolean not null default false;
