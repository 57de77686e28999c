-- name: record :many
-- A patient's record from a place on, then what those rows refer to outside of any record, once each. `{walk}`, `{shared}`, `{row}`,
-- `{chosen}` are fragments below; `{r}` and `{x}`: scope of the aliases, `{own}`: of `r` where its patient is known.
with w as materialized (
  select * from ({walk} union all {shared}) r order by r.rt, r.d0, r.id limit %(limit)s
)
select true as own, w.rt, w.id, w.version, w.updated, w.patient, convert_to(w.body, 'UTF8') as body, w.d0::text as d0 from w
union all
(select false, x.rt, x.id, x.version, x.updated, x.patient, convert_to(x.body, 'UTF8'), null
 from (select distinct f.dt, f.dst from w join refs f on f.src = w.id and f.st = w.rt) f
 cross join lateral (select * from res where rt = f.dt and id = f.dst limit 1) x
 where x.patient is null and (%(shown)s::int2[] is null or x.rt = any(%(shown)s)) and ({x}) limit %(most)s)

-- name: whole :fragment
-- All that stands in the record, in the order of its index.
(select {row} from res r
 where r.patient = %(patient)s and (r.rt, r.d0, r.id) > (%(rt)s, %(d0)s::timestamptz, %(id)s) and {chosen} and ({own})
 order by r.rt, r.d0, r.id limit %(limit)s)

-- name: of_types :fragment
-- Some types of the record: one walk of the index each.
(select {row} from (select distinct unnest(%(walked)s::int2[]) as rt) k
 cross join lateral (
   select * from res r
   where r.patient = %(patient)s and r.rt = k.rt and (r.rt, r.d0, r.id) > (%(rt)s, %(d0)s::timestamptz, %(id)s) and {chosen} and ({own})
   order by r.d0, r.id limit %(limit)s
 ) r)

-- name: shared :fragment
-- What is in the compartments of several patients (an appointment of two people) is no one's record: it is found by its references.
-- `+ 0`: the few references to a patient that are edges are walked by patient, never once a parameter.
(select {row} from (
   select distinct f.st, f.src from refs f where f.dst = %(patient)s and f.dt = %(patient_type)s and f.p + 0 = any('{compartment}'::int4[])
 ) f
 cross join lateral (select * from res where rt = f.st and id = f.src limit 1) r
 where r.patient is null and (%(walked)s::int2[] is null or r.rt = any(%(walked)s))
   and (r.rt, r.d0, r.id) > (%(rt)s, %(d0)s::timestamptz, %(id)s) and {chosen} and ({r})
 order by r.rt, r.d0, r.id limit %(limit)s)

-- name: encounter :many
-- An encounter and what refers to it, from a place on, then what those rows refer to, once each: in no record or in that of the same patient.
with w as materialized (
  select {row} from (
    select %(type)s::int2 as st, %(encounter)s::uuid as src
    union
    select f.st, f.src from refs f where f.dst = %(encounter)s and f.dt = %(type)s
  ) f
  cross join lateral (select * from res where rt = f.st and id = f.src limit 1) r
  where (f.st, f.src) > (%(rt)s, %(id)s) and {chosen} and ({r})
  order by f.st, f.src limit %(limit)s
)
select true as own, w.rt, w.id, w.version, w.updated, w.patient, convert_to(w.body, 'UTF8') as body, '-infinity' as d0 from w
union all
(select false, x.rt, x.id, x.version, x.updated, x.patient, convert_to(x.body, 'UTF8'), null
 from (
   select f.dt, f.dst from w join refs f on f.src = w.id and f.st = w.rt
   union
   select %(patient_type)s::int2, w.patient from w where w.patient is not null
 ) f
 cross join lateral (select * from res where rt = f.dt and id = f.dst limit 1) x
 where (x.patient is null or x.patient = any(array(select w.patient from w))) and not (x.rt = %(type)s and x.id = %(encounter)s)
   and (%(shown)s::int2[] is null or x.rt = any(%(shown)s)) and ({x}) limit %(most)s)

-- name: row :fragment
-- The columns of a walk.
r.rt, r.id, r.version, r.updated, r.patient, r.body, r.d0

-- name: chosen :fragment
-- Written since a time; of care in a span of time, where the row has a date of care (a date of birth is none).
(%(since)s::timestamptz is null or r.updated >= %(since)s)
and (%(begin)s::timestamptz is null or r.d1 is null or r.rt = any('{people}'::int2[]) or (r.d1 > %(begin)s and r.d0 < %(end)s))

-- name: several :many
-- Current resources by type and id, in the order asked for, those in scope (`{r}`) only.
select r.rt, r.id, r.version, r.updated, r.patient, convert_to(r.body, 'UTF8') as body
from unnest(%(types)s::int2[], %(ids)s::uuid[]) with ordinality as w(rt, id, place)
cross join lateral (select * from res where rt = w.rt and id = w.id limit 1) r
where ({r})
order by w.place
