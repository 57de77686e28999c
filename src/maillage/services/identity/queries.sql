-- name: candidates :many
-- Everyone who shares the INS, a facility identifier or the four distinguishing traits with a claim, of each of the claims (`claim`: its place).
select c.place - 1 as claim, p.*
from rows from (jsonb_to_recordset(%(claims)s) as (identifiers jsonb, matricule text, root text, birth_date text, birth_name text,
  first_given text, sex text)) with ordinality as c(identifiers, matricule, root, birth_date, birth_name, first_given, sex, place)
cross join lateral (
  with wanted as (
    select i->>0 as system, i->>1 as value from jsonb_array_elements(c.identifiers) as i
  ), found as (
    select patient from identity_person where matricule = c.matricule and ins_root = c.root
    union
    select i.patient from identity_identifier i join wanted w using (system, value)
    union
    select patient from identity_person
    where birth_date = c.birth_date and birth_name = c.birth_name and first_given = c.first_given and sex = c.sex
  )
  select p.*, coalesce((select jsonb_agg(jsonb_build_array(i.system, i.value))
                        from identity_identifier i join wanted w using (system, value) where i.patient = p.patient), '[]') as identifiers
  from identity_person p join found using (patient)
  order by p.patient
  limit 50
) p
order by c.place, p.patient

-- name: lock_claim :exec
-- Two messages about the same unknown person wait for one another until the first is committed.
select pg_advisory_xact_lock(hashtextextended(key, 20061)) from unnest(%(keys)s::text[]) as key

-- name: learn_identifiers :exec
-- Facility identifiers that a certain message gave for a known person.
insert into identity_identifier (system, value, patient)
select system, value, %(patient)s from unnest(%(systems)s::text[], %(values)s::text[]) as x(system, value)
on conflict do nothing

-- name: save_people :exec
-- The traits and the identifiers of people as their Patient says them now; identifiers learnt from messages stay.
with said as (
  select * from jsonb_to_recordset(%(people)s) as p(patient text, record text, ins_root text, matricule text, birth_name text,
    given_names text, first_given text, birth_date text, sex text, birth_place text, identifiers jsonb)
), person as (
  insert into identity_person as held
    (patient, record, ins_root, matricule, birth_name, given_names, first_given, birth_date, sex, birth_place)
  select patient, record, ins_root, matricule, birth_name, given_names, first_given, birth_date, sex, birth_place from said
  on conflict (patient) do update set
    record = excluded.record, ins_root = excluded.ins_root, matricule = excluded.matricule, birth_name = excluded.birth_name,
    given_names = excluded.given_names, first_given = excluded.first_given, birth_date = excluded.birth_date,
    sex = excluded.sex, birth_place = excluded.birth_place
  returning patient
)
insert into identity_identifier (system, value, patient)
select i->>0, i->>1, said.patient from said join person using (patient), lateral jsonb_array_elements(said.identifiers) as i
on conflict do nothing

-- name: forget_person :exec
-- A deleted Patient identifies nobody any more.
delete from identity_person where patient = %(patient)s

-- name: open_cases :exec
-- Cases for a steward; a person has one open case at most, which then gains the people to compare with.
insert into identity_case as held (opened, patient, reason, near, origin)
select opened, patient, reason, array(select jsonb_array_elements_text(near)), origin
from jsonb_to_recordset(%(cases)s) as c(opened timestamptz, patient text, reason text, near jsonb, origin text)
on conflict (patient) where state = 'open' do update set
  reason = excluded.reason, near = array(select distinct unnest(held.near || excluded.near)), origin = excluded.origin

-- name: queue :many
-- The open cases, oldest first, from a place on; `waiting` counts all that wait.
select c.id, c.opened, c.patient, c.reason, c.near, c.origin, p.birth_name, p.given_names, p.birth_date, p.sex,
       count(*) over () as waiting
from identity_case c join identity_person p using (patient)
where c.state = 'open'
order by c.opened, c.id
limit %(count)s offset %(start)s

-- name: waiting :value
-- How many cases wait for a steward.
select count(*) from identity_case where state = 'open'

-- name: case_for_decision :one
-- One case, locked: two stewards never decide it twice.
select * from identity_case where id = %(id)s for update

-- name: case_to_read :one
-- One case with its place among those that wait, and its neighbours in the queue.
with ranked as (
  select id, row_number() over w as place, lag(id) over w as previous, lead(id) over w as next, count(*) over () as waiting
  from identity_case where state = 'open' window w as (order by opened, id)
)
select c.*, r.place, r.previous, r.next, coalesce(r.waiting, (select count(*) from ranked)) as waiting
from identity_case c left join ranked r using (id)
where c.id = %(id)s

-- name: oldest_open :value
-- The case to treat first.
select id from identity_case where state = 'open' order by opened, id limit 1

-- name: decide_case :exec
-- What a steward decided.
update identity_case set state = %(state)s, decided = %(at)s, decided_by = %(by)s, record = %(record)s where id = %(id)s

-- name: reopen_case :exec
-- A decision is undone: the case waits again.
update identity_case set state = 'open', decided = null, decided_by = null, record = null where id = %(id)s

-- name: last_decision :one
-- The last decision of a steward, to undo it.
select * from identity_case
where decided_by = %(by)s and state in ('linked', 'promoted') order by decided desc, id desc limit 1

-- name: open_case_of :one
-- The case of a person that waits.
select * from identity_case where patient = %(patient)s and state = 'open'

-- name: records_alike :many
-- Regional records to compare an identity with: the same INS, the same names but for hyphens, the same birthday and first name.
select p.patient from identity_person p
where p.record = p.patient and p.patient <> %(patient)s
  and (p.matricule = %(matricule)s
       or (translate(p.birth_name, '-''', '  ') = translate(%(birth_name)s, '-''', '  ')
           and (p.first_given = %(first_given)s or p.birth_date = %(birth_date)s))
       or (p.first_given = %(first_given)s and right(p.birth_date, 5) = right(%(birth_date)s, 5)))
order by (p.matricule = %(matricule)s) desc nulls last, (p.birth_date = %(birth_date)s) desc, p.patient
limit 5

-- name: next_number :value
-- The number of a new regional record.
select nextval('identity_regional_number')::text

-- name: numbers_up_to :exec
-- Numbers given outside the sequence are never given again.
select setval('identity_regional_number', greatest(%(last)s, (select last_value from identity_regional_number)))

-- name: identities :many
-- The record of a person and every identity linked to it; an unlinked identity stands alone.
with one as (select coalesce(record, patient) as record from identity_person where patient = %(patient)s)
select p.patient from identity_person p, one where p.patient = one.record or p.record = one.record
order by p.patient <> one.record, p.patient

-- name: record_of :value
-- The regional record of a person, null when a steward has not decided.
select record from identity_person where patient = %(patient)s

-- name: records_of :many
-- The regional records of people, null when a steward has not decided.
select patient, record from identity_person where patient = any(%(patients)s)

-- name: linked_to :value
-- How many other identities refer to this record.
select count(*) from identity_person where record = %(patient)s and patient <> %(patient)s

-- name: count_message :exec
-- One more message about an identity that waits.
update identity_case set messages = messages + 1 where patient = %(patient)s and state = 'open'
