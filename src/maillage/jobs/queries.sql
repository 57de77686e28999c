-- name: register_reaction :exec
-- A reaction seen for the first time: on a new platform it begins with the first event, later with those still to come.
insert into reaction_cursor (reaction, kinds, xid, seq)
select %(reaction)s, %(kinds)s, case when %(fresh)s then '0' else pg_snapshot_xmin(pg_current_snapshot()) end, 0
on conflict (reaction) do update set kinds = excluded.kinds where reaction_cursor.kinds <> excluded.kinds

-- name: no_reaction_yet :value
-- Whether no worker ever ran on this database.
select not exists (select from reaction_cursor) as fresh

-- name: waiting_reactions :many
-- Those of these reactions that have an event waiting, no pause apart, and whether the oldest can be read: an older transaction may hold it back.
select c.reaction, next.xid < pg_snapshot_xmin(pg_current_snapshot()) as readable
from reaction_cursor c, lateral (
  select event.xid from event
  where (event.xid, event.seq) > (c.xid, c.seq) and event.kind = any(c.kinds)
  order by event.xid, event.seq
  limit 1
) next
where c.reaction = any(%(reactions)s) and (c.retry_at is null or c.retry_at <= %(now)s)

-- name: claim_events :many
-- The next events of a reaction, its cursor moved behind them and locked until the commit; none while another worker holds it or a pause lasts.
with mine as (
  select xid, seq from reaction_cursor
  where reaction = %(reaction)s and (retry_at is null or retry_at <= %(now)s)
  for update skip locked
),
next as (
  select e.* from mine, lateral (
    select event.* from event
    where (event.xid, event.seq) > (mine.xid, mine.seq)
      and event.xid < pg_snapshot_xmin(pg_current_snapshot())
      and event.kind = any(%(kinds)s)
    order by event.xid, event.seq
    limit %(limit)s
  ) e
),
moved as (
  update reaction_cursor c set xid = last.xid, seq = last.seq, attempts = 0, retry_at = null, fault = null
  from (select xid, seq from next order by xid desc, seq desc limit 1) last
  where c.reaction = %(reaction)s
)
select next.xid::text::bigint as xid, next.seq, next.at, next.kind, next.payload from next order by next.xid, next.seq

-- name: advance :exec
-- These events are done.
update reaction_cursor set xid = %(xid)s::text::xid8, seq = %(seq)s, attempts = 0, retry_at = null, fault = null
where reaction = %(reaction)s

-- name: lock_cursor :one
-- The cursor of a reaction, unless it has passed this event.
select attempts from reaction_cursor
where reaction = %(reaction)s and (xid, seq) < (%(xid)s::text::xid8, %(seq)s)
for update

-- name: pause :exec
-- The next event failed: try again later.
update reaction_cursor set attempts = %(attempts)s, retry_at = %(retry_at)s, fault = %(fault)s where reaction = %(reaction)s

-- name: set_aside :exec
-- An event that keeps failing leaves the queue, so that those behind it go on.
insert into dead_letter (reaction, xid, seq, happened, kind, payload, attempts, fault, at)
values (%(reaction)s, %(xid)s::text::xid8, %(seq)s, %(happened)s, %(kind)s, %(payload)s, %(attempts)s, %(fault)s, %(now)s)
on conflict (reaction, xid, seq) do update set attempts = dead_letter.attempts + 1, fault = excluded.fault, at = excluded.at, retry = false

-- name: catch_up_idle :exec
-- Reactions with nothing to do move up to the oldest open transaction, so that the next look does not pass old events again.
update reaction_cursor c set xid = pg_snapshot_xmin(pg_current_snapshot()), seq = 0
where c.reaction = any(%(reactions)s) and c.attempts = 0
  and (c.xid, c.seq) < (pg_snapshot_xmin(pg_current_snapshot()), 0)
  and not exists (select from event e where (e.xid, e.seq) > (c.xid, c.seq) and e.kind = any(c.kinds))

-- name: dead_letters :many
-- Events set aside, the latest first.
select id, reaction, happened, kind, attempts, fault, at, retry from dead_letter order by at desc, id desc limit %(count)s

-- name: ask_again :value
-- A set-aside event is to be tried once more.
update dead_letter set retry = true where id = %(id)s returning reaction

-- name: wake_reaction :exec
-- Wake the workers for a reaction.
select pg_notify('maillage_retry', %(reaction)s)

-- name: claim_dead_letter :one
-- A set-aside event that someone asked to try again.
select id, kind, payload from dead_letter where reaction = %(reaction)s and retry order by id limit 1 for update skip locked

-- name: resolve_dead_letter :exec
-- It went well this time.
delete from dead_letter where id = %(id)s

-- name: keep_dead_letter :exec
-- It failed again.
update dead_letter set retry = false, attempts = attempts + 1, fault = %(fault)s, at = %(now)s where id = %(id)s

-- name: behind :many
-- How far each reaction is behind: events waiting (1,000 at most are counted) and since when.
select c.reaction, coalesce(w.waiting, 0) as waiting, w.oldest, c.attempts
from reaction_cursor c left join lateral (
  select count(*) as waiting, min(e.at) as oldest
  from (select at from event where (event.xid, event.seq) > (c.xid, c.seq) and event.kind = any(c.kinds)
        order by event.xid, event.seq limit 1000) e
) w on true
order by c.reaction

-- name: dead_letter_count :value
-- Events set aside and not resolved.
select count(*) as count from dead_letter

-- name: beat :exec
-- This worker is alive.
insert into worker_heartbeat (worker, started, seen, version) values (%(worker)s, %(now)s, %(now)s, %(version)s)
on conflict (worker) do update set seen = excluded.seen

-- name: leave :exec
-- This worker stopped as told.
delete from worker_heartbeat where worker = %(worker)s

-- name: forget_workers :exec
-- Workers that were killed and have not been seen since.
delete from worker_heartbeat where seen < %(before)s

-- name: last_heartbeat :value
-- When a worker was last seen alive.
select max(seen) as seen from worker_heartbeat

-- name: defer_task :value
-- A job for procrastinate, in the caller's transaction; its trigger wakes the workers at the commit.
select procrastinate_defer_jobs_v1(array[
  (%(queue)s, %(task)s, 0, null, null, %(arguments)s, %(at)s)::procrastinate_job_to_defer_v1
]) as ids

-- name: begin_job :value
-- Whether this job's effect is still to happen: the mark is in the transaction of the effect itself.
insert into job_done (job, at) values (%(job)s, %(now)s) on conflict do nothing returning true as first

-- name: forget_done :exec
-- Marks of jobs that ended long ago.
delete from job_done where at < %(before)s

-- name: failed_tasks :value
-- Tasks that used up their attempts.
select count(*) as count from procrastinate_jobs where status = 'failed'

-- name: forget :exec
-- Work that waits, or was set aside, about records and documents that are erased.
with aside as (
  delete from dead_letter where payload->>'patient' = any(%(patients)s::text[]) or payload->>'document' = any(%(documents)s::text[])
)
delete from procrastinate_jobs
where status in ('todo', 'failed') and (args->>'patient' = any(%(patients)s::text[]) or args->>'document' = any(%(documents)s::text[]))
