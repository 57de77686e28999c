-- name: record_events :exec
-- Events of one transaction, in the order they were announced, and one notice for each kind.
select event_record(%(events)s)

-- name: read_events :many
-- Below the oldest running transaction, so that nothing can still appear behind the cursor.
select xid::text::bigint as xid, seq, at, kind, payload from event
where (xid, seq) > (%(xid)s::text::xid8, %(seq)s) and xid < pg_snapshot_xmin(pg_current_snapshot()) and kind = any(%(kinds)s)
order by xid, seq
limit %(limit)s

-- name: settle_events :exec
-- The transaction numbers of another cluster mean nothing here.
update event set xid = '0' where xid >= pg_snapshot_xmin(pg_current_snapshot()) or xid <> '0'
