-- name: open_session :exec
-- A person signed in.
insert into access_session (hash, id, secret, actor, hint, opened, seen, idle_until, ends, renewed, proved, agent, address, situations)
values (%(hash)s, %(id)s, %(secret)s, %(actor)s, %(hint)s, %(now)s, %(now)s, %(idle_until)s, %(ends)s, %(now)s, %(now)s, %(agent)s, %(address)s, %(situations)s)

-- name: find_session :one
-- The session of a cookie's first half, while it lasts.
select id, actor, hint, opened, seen, ends, secret, offered, offered_at, former, coalesce(renewed, opened) as renewed, coalesce(proved, opened) as proved, situations
from access_session
where hash = %(hash)s and closed is null and idle_until > %(now)s and ends > %(now)s

-- name: touch_session :exec
-- Someone is still there.
update access_session set seen = %(now)s, idle_until = %(idle_until)s where hash = %(hash)s and closed is null

-- name: offer_secret :value
-- The next secret is handed out: to one of those who ask at once.
update access_session set offered = %(offered)s, offered_at = %(now)s
where hash = %(hash)s and closed is null and (offered is null or offered_at < %(again)s) returning true

-- name: take_secret :exec
-- The next secret was shown: it is the secret now.
update access_session set former = secret, secret = offered, offered = null, offered_at = null, renewed = %(now)s
where hash = %(hash)s and offered = %(offered)s and closed is null

-- name: prove_session :exec
-- The person proved who they are once more: a new secret, at once, and the one before is worth nothing.
update access_session set secret = %(secret)s, former = null, offered = null, offered_at = null, renewed = %(now)s, proved = %(now)s
where hash = %(hash)s and closed is null

-- name: change_actor :exec
-- The person works in another place from now on: a new secret, at once.
update access_session set actor = %(actor)s, secret = %(secret)s, former = null, offered = null, offered_at = null, renewed = %(now)s
where hash = %(hash)s and closed is null

-- name: close_session :exec
-- Signed out.
update access_session set closed = %(now)s where hash = %(hash)s and closed is null

-- name: close_session_by_id :value
-- One session of this actor ends now.
update access_session set closed = %(now)s where id = %(id)s and actor->>'id' = %(actor)s and closed is null returning true

-- name: close_sessions_of :exec
-- Every session of this actor ends now, but one where it is named.
update access_session set closed = %(now)s
where actor->>'id' = %(actor)s and closed is null and (%(but)s::uuid is null or id <> %(but)s)

-- name: close_beyond :exec
-- Of the sessions of this actor that last, those used longest ago end, so that so many are left.
update access_session set closed = %(now)s
where id in (
  select id from access_session
  where actor->>'id' = %(actor)s and closed is null and idle_until > %(now)s and ends > %(now)s
  order by seen desc, opened desc, id offset %(most)s
)

-- name: close_everybody :exec
-- Every session ends now, but one.
update access_session set closed = %(now)s where closed is null and ends > %(now)s and id is distinct from %(but)s::uuid

-- name: open_count :value
-- How many sessions last.
select count(*) from access_session where closed is null and idle_until > %(now)s and ends > %(now)s

-- name: sessions_of :many
-- The sessions of this actor that last, newest first.
select id, opened, seen, agent, address, split_part(coalesce(hint, ''), ' ', 1) as provider
from access_session
where actor->>'id' = %(actor)s and closed is null and idle_until > %(now)s and ends > %(now)s
order by seen desc, id limit 100

-- name: forget_sessions :exec
-- Sessions that ended long ago.
delete from access_session where ends < %(before)s

-- name: knows_device :one
-- Whether somebody signed in with this browser before, and with any.
select exists (select from access_device where actor = %(actor)s and hash = %(hash)s) as this,
       exists (select from access_device where actor = %(actor)s) as any

-- name: note_device :exec
-- They sign in with this browser.
insert into access_device (actor, hash, first, last) values (%(actor)s, %(hash)s, %(now)s, %(now)s)
on conflict (actor, hash) do update set last = excluded.last

-- name: forget_devices :exec
-- Browsers that nobody signed in with for long.
delete from access_device where last < %(before)s

-- name: session_by_id :one
-- One session, whatever became of it.
select id, opened, seen, agent, address, split_part(coalesce(hint, ''), ' ', 1) as provider from access_session where id = %(id)s
