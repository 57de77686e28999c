-- name: seen :one
-- Until when somebody says that they have seen a record, and what they said before.
select at, horizon, before_at from coordination_seen where reader = %(reader)s and patient = %(patient)s

-- name: mark_seen :exec
-- They have seen it until a place in the log that is not to come; what they said before is kept to take it back. The same place again is said once.
insert into coordination_seen (reader, patient, at, horizon)
select %(reader)s, %(patient)s, %(at)s, %(horizon)s where %(at)s <= clock_timestamp()
on conflict (reader, patient) do update set before_at = coordination_seen.at, before_horizon = coordination_seen.horizon,
  at = excluded.at, horizon = excluded.horizon
where coordination_seen.at < excluded.at

-- name: take_seen_back :exec
-- What they said last is taken back, once.
with back as (
  delete from coordination_seen where reader = %(reader)s and patient = %(patient)s and before_at is null
)
update coordination_seen set at = before_at, horizon = before_horizon, before_at = null, before_horizon = null
where reader = %(reader)s and patient = %(patient)s and before_at is not null

-- name: forget_seen :exec
-- Marks about records that are erased, and of people whose record is.
delete from coordination_seen where patient = any(%(patients)s::text[]) or reader = any(%(readers)s::text[])

-- name: away :many
-- Who of these people is away on a day, and who stands in for them.
select person, substitute, since, until from coordination_absence
where person = any(%(people)s::text[]) and %(day)s between since and until and substitute is not null
order by said

-- name: replaced_by :many
-- Those for whom somebody stands in on a day.
select person from coordination_absence where substitute = %(substitute)s and %(day)s between since and until

-- name: say_away :exec
-- Somebody is away, and who stands in for them.
insert into coordination_absence (id, person, since, until, substitute, said_by, said)
values (%(id)s, %(person)s, %(since)s, %(until)s, %(substitute)s, %(said_by)s, %(said)s)

-- name: not_away :exec
-- They are not away after all.
delete from coordination_absence where id = %(id)s and person = %(person)s

-- name: coming_absences :many
-- The absences of these people that are not over.
select id::text as id, person, since, until, substitute from coordination_absence
where person = any(%(people)s::text[]) and until >= %(day)s order by since, person limit 200

-- name: views :many
-- The views that somebody named, by name.
select name, query, opens from coordination_view where owner = %(owner)s order by name limit 50

-- name: keep_view :exec
-- A view by its name; where it is the one on which the page opens, no other is.
with others as (update coordination_view set opens = false where owner = %(owner)s and name <> %(name)s and %(opens)s)
insert into coordination_view (owner, name, query, opens) values (%(owner)s, %(name)s, %(filters)s, %(opens)s)
on conflict (owner, name) do update set query = excluded.query, opens = excluded.opens

-- name: drop_view :exec
-- Somebody keeps this view no longer.
delete from coordination_view where owner = %(owner)s and name = %(name)s
