-- name: seen :one
-- Until when somebody says that they have seen a record, and what they said before.
select at, horizon, before_at from coordination_seen where reader = %(reader)s and patient = %(patient)s

-- name: seen_lately :many
-- The records that somebody said last that they had seen.
select patient from coordination_seen where reader = %(reader)s order by at desc limit %(most)s

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

-- name: add_invitation :exec
-- Somebody is invited into a circle.
insert into coordination_invitation (id, patient, email, rpps, invited, part, until, inviter, inviter_name, created, expires, state, moved, moved_by)
values (%(id)s, %(patient)s, %(email)s, %(rpps)s, %(invited)s, %(part)s, %(until)s, %(inviter)s, %(inviter_name)s, %(now)s, %(expires)s, 'sent', %(now)s, %(inviter)s)

-- name: waiting_invitations :one
-- How many of a record wait for an answer, whether this address is among them; how many somebody sent since.
select count(*) filter (where patient = %(patient)s and state in ('sent', 'undelivered', 'opened') and expires > %(now)s) as waiting,
       coalesce(bool_or(patient = %(patient)s and email = %(email)s and state in ('sent', 'opened', 'accepted') and expires > %(now)s), false) as known,
       count(*) filter (where inviter = %(inviter)s and created > %(since)s) as sent
from coordination_invitation
where patient = %(patient)s or (inviter = %(inviter)s and created > %(since)s)

-- name: invitations :many
-- The invitations of a record, newest first.
select * from coordination_invitation where patient = %(patient)s order by created desc, id limit 50

-- name: invitation :one
-- One invitation.
select * from coordination_invitation where id = %(id)s

-- name: invitation_held :one
-- One invitation, which nobody else moves meanwhile.
select * from coordination_invitation where id = %(id)s for update

-- name: invitation_of_link :one
-- The invitation that a link which still counts is of.
select * from coordination_invitation where hash = %(hash)s and state = 'sent' and expires > %(now)s

-- name: set_invitation_link :value
-- The link of an invitation that waits; the one before it is worth nothing any more.
update coordination_invitation set hash = %(hash)s, state = 'sent' where id = %(id)s and state in ('sent', 'undelivered') and expires > %(now)s returning id

-- name: renew_invitation :value
-- An invitation that waits, or came too late, is sent again.
update coordination_invitation set hash = null, state = 'sent', expires = %(expires)s, moved = %(now)s, moved_by = %(by)s
where id = %(id)s and patient = %(patient)s and state in ('sent', 'undelivered') returning id

-- name: take_invitation :value
-- Somebody opens an invitation: once, however many come together.
update coordination_invitation set state = %(state)s, hash = null, opener = %(opener)s, opener_role = %(role)s, opener_name = %(name)s,
  moved = %(now)s, moved_by = %(opener)s
where id = %(id)s and state = 'sent' and expires > %(now)s returning id

-- name: move_invitation :exec
-- What became of it; its link is worth nothing any more.
update coordination_invitation set state = %(state)s, hash = null, moved = %(now)s, moved_by = %(by)s where id = %(id)s

-- name: forget_invitations :exec
-- Invitations into circles of records that are erased.
delete from coordination_invitation where patient = any(%(patients)s::text[])

-- name: hold_agendas :exec
-- Until the end of the transaction nobody else takes time of these people; always in the same order, so that two do not wait for each other.
select pg_advisory_xact_lock(hashtextextended('agenda|' || person, 0)) from (select unnest(%(people)s::text[]) as person order by 1) as one

-- name: taken :many
-- What takes time of these people within a span, other than one appointment itself.
select appointment, person, since, until from coordination_booking
where person = any(%(people)s::text[]) and since < %(until)s and until > %(since)s and appointment <> %(appointment)s order by since, person limit 20

-- name: booked :many
-- The time that an appointment takes.
select person, since, until from coordination_booking where appointment = %(appointment)s order by person

-- name: unbook :exec
-- These appointments take time of nobody.
delete from coordination_booking where appointment = any(%(appointments)s::text[])

-- name: book :exec
-- An appointment takes time of these people.
insert into coordination_booking (appointment, person, since, until)
select %(appointment)s, person, %(since)s, %(until)s from unnest(%(people)s::text[]) as person

-- name: last_absence :one
-- The absence of somebody that goes on or ended last, since a day.
select id::text as id, since, until, substitute from coordination_absence
where person = %(person)s and since <= %(day)s and until >= %(back)s order by until desc limit 1

-- name: hold_task :exec
-- Until the end of the transaction nobody else makes the task of this id.
select pg_advisory_xact_lock(hashtextextended('task|' || %(id)s::text, 0))

-- name: forget_what_is_over :exec
-- Invitations that nobody waits for since long (their address is somebody's, and what became of them stands in the circle and in the trail), absences of long ago, and the time that past appointments took.
with invitations as (
  delete from coordination_invitation where moved < %(before)s and expires < %(before)s
), absences as (
  delete from coordination_absence where until < (%(before)s::timestamptz at time zone 'Europe/Paris')::date
)
delete from coordination_booking where until < %(yesterday)s

-- name: note_readers :many
-- Who read these notes of a record, the first who did first.
select note, reader, name, at, written from coordination_note_read where patient = %(patient)s and note = any(%(notes)s::text[]) order by at

-- name: read_notes :exec
-- They read these notes, as they stood; the same one again is said once.
insert into coordination_note_read (patient, note, reader, name, at, written)
select %(patient)s, one.note, %(reader)s, %(name)s, %(at)s, one.written from unnest(%(notes)s::text[], %(written)s::timestamptz[]) as one (note, written)
on conflict (patient, note, reader) do update set name = excluded.name, at = excluded.at, written = excluded.written
where coordination_note_read.written < excluded.written

-- name: forget_note_readers :exec
-- Of notebooks that are erased, and of people whose record is.
delete from coordination_note_read where patient = any(%(patients)s::text[]) or reader = any(%(readers)s::text[])
