-- name: tables :many
-- The tables of the installation.
select tablename from pg_tables where schemaname = 'public' order by tablename;

-- name: count_rows :value
-- How many rows a table has; {table} is an identifier.
select count(*) from {table};

-- name: document_digests :many
-- The SHA-256 of every document that a record names.
select distinct sha256 from documents_identity where sha256 is not null;

-- name: audit_heads :many
-- The last link of each chain of the trail: kept in the manifest, where whoever may write in this database cannot change it.
select distinct on (chain) chain, n, encode(hash, 'hex') as hash from audit_batch order by chain, n desc;

-- name: audit_link :value
-- The hash of one link of the trail.
select encode(hash, 'hex') from audit_batch where chain = %(chain)s and n = %(n)s;

-- name: settle_cursors :exec
-- Transaction numbers start again in a new cluster: each reaction resumes by sequence, before the first event it has not done.
update reaction_cursor c set xid = '0', seq = coalesce(
  (select min(e.seq) - 1 from event e where e.kind = any(c.kinds) and (e.xid, e.seq) > (c.xid, c.seq)),
  greatest(c.seq, (select coalesce(max(seq), 0) from event)));

-- name: settle_dead_letters :exec
-- The events set aside keep their sequence.
update dead_letter set xid = '0';

-- name: settle_events :exec
-- The events of the old cluster come before every new one.
update event set xid = '0';

-- name: settle_versions :exec
-- So do the versions in the store's log.
update ver set xid = '0'
