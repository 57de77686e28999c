-- name: add_software :exec
-- A software asks to be registered.
insert into software (id, name, editor, contact, method, secret, grants, redirects, launch_uri, scopes, jwks, jwks_uri, state, asked, asked_by, origin)
values (%(id)s, %(name)s, %(editor)s, %(contact)s, %(method)s, %(secret)s, %(grants)s, %(redirects)s, %(launch_uri)s, %(scopes)s, %(jwks)s,
        %(jwks_uri)s, %(state)s, %(now)s, %(by)s, %(origin)s)

-- name: software :one
-- One by its id.
select * from software where id = %(id)s

-- name: software_named :many
-- Some by their ids.
select * from software where id = any(%(ids)s)

-- name: all_software :many
-- A page in some state, the last asked first.
select * from software
where state = %(state)s and (%(after)s::timestamptz is null or (asked, id) < (%(after)s, %(after_id)s))
order by asked desc, id desc limit %(count)s

-- name: software_of :many
-- What one editor asked for, the last first.
select * from software where asked_by = %(by)s order by asked desc, id desc limit 100

-- name: launchable :many
-- What is opened from a record.
select * from software where state = 'approved' and launch_uri <> '' and 'launch' = any(scopes) order by name, id limit 100

-- name: decide :value
-- An administrator says what becomes of one, from a state that allows it.
update software set state = %(state)s, decided = %(now)s, decided_by = %(by)s, remark = %(remark)s
where id = %(id)s and state = any(%(before)s) returning true

-- name: change_secret :value
-- A new secret: the one before counts no more.
update software set secret = %(secret)s where id = %(id)s and asked_by = %(by)s and method = 'client_secret_basic' returning true

-- name: asked_lately :one
-- How many wait, and how many were asked from one address or by one editor since an instant.
select (select count(*) from software where state = 'waiting') as waiting,
       (select count(*) from software where origin = %(origin)s and asked > %(since)s) as here,
       (select count(*) from software where asked_by = %(by)s and asked > %(since)s) as mine

-- name: add_code :exec
-- A code, for a minute.
insert into software_code (hash, delegation, client, redirect_uri, challenge, nonce, proved, expires)
values (%(hash)s, %(delegation)s, %(client)s, %(redirect_uri)s, %(challenge)s, %(nonce)s, %(proved)s, %(expires)s)

-- name: code :one
-- A code, used or not; whoever shows it at the same time waits.
select delegation, client, redirect_uri, challenge, nonce, proved, expires, used from software_code where hash = %(hash)s for update

-- name: use_code :exec
-- It counts no more.
update software_code set used = %(now)s where hash = %(hash)s

-- name: add_launch :exec
-- A software is opened on a record.
insert into software_launch (hash, client, actor, patient, expires) values (%(hash)s, %(client)s, %(actor)s, %(patient)s, %(expires)s)

-- name: launch :value
-- The person on whose record this actor opened this software, while that counts.
select patient from software_launch
where hash = %(hash)s and client = %(client)s and actor = %(actor)s and expires > %(now)s and used is null

-- name: use_launch :value
-- The same, and it counts no more.
update software_launch set used = %(now)s
where hash = %(hash)s and client = %(client)s and actor = %(actor)s and expires > %(now)s and used is null returning patient

-- name: note_assertion :value
-- A signed assertion counts now; nothing where it was shown before.
insert into software_assertion (client, jti, expires) values (%(client)s, %(jti)s, %(expires)s) on conflict do nothing returning true

-- name: calls :many
-- What a software did lately, for itself or for people, newest first: no person, no query, no id.
select at, action, type, outcome, kind from (
  (select at, action, type, outcome, kind from audit where reference = %(reference)s order by at desc limit %(count)s)
  union all
  (select at, action, type, outcome, kind from audit where door = %(door)s and door like 'fhir %%' order by at desc limit %(count)s)
) as calls order by at desc limit %(count)s

-- name: forget_stale :exec
-- What has expired for long.
with codes as (delete from software_code where expires < %(before)s),
     launches as (delete from software_launch where expires < %(before)s),
     assertions as (delete from software_assertion where expires < %(now)s)
delete from software where state in ('waiting', 'refused') and asked_by is null and asked < %(unanswered)s
