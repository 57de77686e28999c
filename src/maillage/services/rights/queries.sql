-- name: last_day :value
-- The last day that was looked at.
select max(day) from rights_day

-- name: note_day :exec
-- A day was looked at.
insert into rights_day (day, at, unusual) values (%(day)s, %(at)s, %(unusual)s) on conflict (day) do nothing

-- name: usual_of :many
-- What is usual for these readers.
select reference, days, busiest, nights from rights_reader where reference = any(%(references)s)

-- name: keep_usual :exec
-- What is usual for them from now on.
insert into rights_reader (reference, days, busiest, nights)
select reference, days, busiest, nights
from jsonb_to_recordset(%(readers)s::jsonb) as r(reference text, days integer, busiest double precision, nights double precision)
on conflict (reference) do update set days = excluded.days, busiest = excluded.busiest, nights = excluded.nights

-- name: note_unusual :exec
-- What was found, but what waits already, and what was explained within a year: of the same kind, reader and record.
insert into rights_unusual (day, kind, reference, name, roles, organizations, record, since, until, lines, facts)
select %(day)s, u.kind, u.reference, u.name, array(select jsonb_array_elements_text(u.roles)), array(select jsonb_array_elements_text(u.organizations)),
       u.record, u.since, u.until, array(select jsonb_array_elements_text(u.lines)), u.facts
from jsonb_to_recordset(%(found)s::jsonb) as u(kind text, reference text, name text, roles jsonb, organizations jsonb, record text,
                                               since timestamptz, until timestamptz, lines jsonb, facts jsonb)
where not exists (
  select from rights_unusual o
  where o.reference = u.reference and o.kind = u.kind and o.record is not distinct from u.record and u.record is not null
    and (o.decided is null or (o.verdict = 'explained' and o.decided > %(now)s::timestamptz - interval '1 year')))
on conflict do nothing

-- name: unusual_waiting :many
-- What the officer has not decided, oldest first.
select * from rights_unusual
where decided is null
  and (%(after)s::uuid is null or (day, id) > (select b.day, b.id from rights_unusual b where b.id = %(after)s::uuid))
order by day, id limit %(count)s

-- name: unusual_decided :many
-- What was decided, newest first.
select * from rights_unusual
where decided is not null
  and (%(after)s::uuid is null or (decided, id) < (select b.decided, b.id from rights_unusual b where b.id = %(after)s::uuid))
order by decided desc, id desc limit %(count)s

-- name: decide_unusual :exec
-- What the officer says of one.
update rights_unusual set decided = %(now)s, decider = %(decider)s, verdict = %(verdict)s, remark = %(remark)s
where id = %(id)s and decided is null

-- name: name_guardian :exec
-- The officer saw a proof that somebody represents a person.
insert into rights_guardian (id, record, family, given, birth_date, authority, proof, last_day, named, named_by)
values (%(id)s, %(record)s, %(family)s, %(given)s, %(birth_date)s, %(authority)s, %(proof)s, %(last_day)s, %(named)s, %(named_by)s)

-- name: end_guardian :exec
-- Their authority ended, or was no authority.
update rights_guardian set ended = %(now)s, ended_by = %(by)s where id = %(id)s and ended is null

-- name: guardian :one
-- One of them.
select * from rights_guardian where id = %(id)s

-- name: guardians :many
-- The last that were named, newest first, after one.
select * from rights_guardian
where %(after)s::uuid is null or (named, id) < (select b.named, b.id from rights_guardian b where b.id = %(after)s::uuid)
order by named desc, id desc limit %(count)s

-- name: ask :exec
-- A person asks something.
insert into rights_request (id, record, kind, about, words, asked, asked_by, due)
values (%(id)s, %(record)s, %(kind)s, %(about)s, %(words)s, %(asked)s, %(asked_by)s, %(due)s)

-- name: requests_of :many
-- What was asked about a record, newest first.
select * from rights_request where record = %(record)s order by asked desc, id limit %(count)s

-- name: requests_open_of :value
-- How much waits about a record.
select count(*) from rights_request where record = %(record)s and state = 'open'

-- name: requests_open :many
-- What waits for an answer, the first due first, after one; `restriction` in force with them.
select * from rights_request
where state = 'open' and (%(after)s::uuid is null or (due, id) > (select b.due, b.id from rights_request b where b.id = %(after)s::uuid))
order by due, id limit %(count)s

-- name: requests_answered :many
-- What was answered, newest first, after one.
select * from rights_request
where state <> 'open' and (%(after)s::uuid is null or (answered, id) < (select b.answered, b.id from rights_request b where b.id = %(after)s::uuid))
order by answered desc, id desc limit %(count)s

-- name: rectifications_open :many
-- What waits to be corrected in one resource each, the first due first.
select * from rights_request where state = 'open' and kind = 'rectification' and about is not null order by due, id limit %(count)s

-- name: request :one
-- One of them.
select * from rights_request where id = %(id)s

-- name: answer_request :exec
-- An answer: to what is open, or the end of a restriction.
update rights_request set state = %(state)s, answer = %(answer)s, answered = %(now)s, answered_by = %(by)s
where id = %(id)s and (state = 'open' or (state = 'accepted' and kind = 'restriction' and %(state)s = 'lifted'))

-- name: restricted :many
-- Those of these records whose use is restricted.
select distinct record from rights_request where kind = 'restriction' and state = 'accepted' and record = any(%(records)s)

-- name: erasure_of :one
-- The erasure that waits, or is being done, for a record as a whole.
select * from rights_request where record = %(record)s and kind = 'erasure' and state in ('open', 'erasing') and about is null order by asked limit 1

-- name: plan_erasure :exec
-- What a decision named.
insert into rights_erased (request, type, id)
select %(request)s, split_part(name, '/', 1), split_part(name, '/', 2) from unnest(%(names)s::text[]) as name on conflict do nothing

-- name: planned :many
-- What a decision named and nobody has erased; other workers wait.
select type, id from rights_erased where request = %(request)s and state = 'planned' order by type, id for update

-- name: settle_erased :exec
-- What became of what a decision named.
update rights_erased set state = case when type || '/' || id = any(%(erased)s::text[]) then 'erased' else 'kept' end
where request = %(request)s and state = 'planned'

-- name: erased_of :many
-- What was erased because of these requests, by type.
select request, type, count(*) filter (where state = 'erased') as erased, count(*) filter (where state = 'planned') as planned,
       count(*) filter (where state = 'kept') as kept
from rights_erased where request = any(%(requests)s::uuid[]) group by request, type order by request, type

-- name: forget_plan :exec
-- A decision that is to be made again.
delete from rights_erased where request = %(request)s and state = 'planned'

-- name: reopen :exec
-- It waits for the officer again.
update rights_request set state = 'open', answer = null, answered = null, answered_by = null where id = %(id)s and state = 'erasing'

-- name: end_erasure :exec
-- All that was decided is done.
update rights_request set state = 'erased' where id = %(id)s and state = 'erasing'

-- name: forget :exec
-- What is known here of people whose record is erased: their words and those who represented them. That they asked, when, and what was answered by whom, stays.
with representatives as (delete from rights_guardian where record = any(%(records)s::text[])),
unusual as (delete from rights_unusual where record = any(%(records)s::text[])),
listed as (delete from rights_retention where record = any(%(records)s::text[]))
update rights_request set words = '', answer = case when answer is null then null else '' end where record = any(%(records)s::text[])

-- name: retention_place :value
-- How far the nights came.
select after from rights_retention_place

-- name: retention_went_to :exec
-- How far they are now.
update rights_retention_place set after = %(after)s

-- name: note_retention :exec
-- Of the records that a night looked at (`seen`), those whose retention has ended; the others are no longer listed.
with left_out as (
  delete from rights_retention where record = any(%(seen)s::text[]) and record not in (select r.record from jsonb_to_recordset(%(ended)s::jsonb) as r(record text))
)
insert into rights_retention (record, until, last_care, found)
select r.record, r.until, r.last_care, %(today)s from jsonb_to_recordset(%(ended)s::jsonb) as r(record text, until date, last_care date)
on conflict (record) do update set until = excluded.until, last_care = excluded.last_care

-- name: retentions_ended :many
-- Records whose retention has ended and that nobody keeps for now, the longest ended first, after one.
select * from rights_retention
where (kept_until is null or kept_until < %(today)s)
  and (%(after)s::text is null or (until, record) > (select b.until, b.record from rights_retention b where b.record = %(after)s::text))
order by until, record limit %(count)s

-- name: retention_ended :one
-- One of them.
select * from rights_retention where record = %(record)s

-- name: keep_longer :exec
-- An officer keeps a record beyond its retention, until a day on which they are asked again.
update rights_retention set kept_until = %(until)s, kept_by = %(by)s, words = %(words)s where record = %(record)s
