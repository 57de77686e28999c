-- A sign-in may be a new proof of who has a session already.
-- verify: select count(*) = 1 from information_schema.columns where table_name = 'sign_in_attempt' and column_name = 'proves'

-- SHA-256 of the first half of the session's cookie; null for a sign-in.
alter table sign_in_attempt add column proves bytea;
