-- E-mails owed to recipients of notices: how many since the last one, and when that was.
-- verify: select count(*) = 5 from information_schema.columns where table_name = 'messaging_mail'
-- verify: select to_regclass('messaging_mail_owed') is not null
create table messaging_mail (
  recipient text primary key,
  address text not null,
  pending int not null default 0 check (pending >= 0),
  since timestamptz not null,
  sent timestamptz
);
create index messaging_mail_owed on messaging_mail (since) where pending > 0;
