-- A link that sets a new password and leaves the second factor, which is asked for.
-- verify: select count(*) = 1 from information_schema.columns where table_schema = current_schema and table_name = 'account_link' and column_name = 'keeps' and is_nullable = 'NO'

alter table account_link add column keeps boolean not null default false;
