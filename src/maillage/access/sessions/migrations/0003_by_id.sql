-- What a software may do while somebody is signed in is held against their session, by its id.
-- verify: select indisvalid from pg_index where indexrelid = to_regclass('access_session_by_id')

create index access_session_by_id on access_session (id);
