-- A case may wait because the link would open the record to whoever sent the identity.
-- verify: select pg_get_constraintdef(oid) like '%opens-record%' from pg_constraint where conname = 'identity_case_reason_check'

alter table identity_case drop constraint identity_case_reason_check;
alter table identity_case add constraint identity_case_reason_check check (reason in
  ('discordant', 'discordant-identifier', 'same-traits', 'several', 'unknown', 'merge', 'opens-record'));
