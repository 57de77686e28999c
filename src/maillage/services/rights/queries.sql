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
