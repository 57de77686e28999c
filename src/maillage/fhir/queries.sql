-- name: write :many
-- Any mix of creations, updates and deletions, all or none, with their edges, dated keys and log; one row a change says how it went.
-- `{old}`, `{new}`, `{last}`: the caller's scope for the stored row `r`, the new row `n`, and `l`, the last version of what was deleted:
-- who may not see that one does not write over it either, as a new version could open the old ones to its writer. A stored row is locked first; where another
-- writer changed or deleted it meanwhile (`moved`) nothing is written, as this statement does not see what that one wrote: it is to be run again.
-- Rows are reached by key in laterals and by ctid, and `i between` makes the planner expect few: no plan made while the tables were
-- small may read them whole. A resource has one row in `res`, whatever its shard: each write adds the next version to `ver`, whose key
-- refuses the second of two writers who saw none. Who may not write for a patient is told so first, whether the id is taken or not. The old body comes from the locked row (RETURNING OLD would need PostgreSQL 18).
with met as materialized (
  select n.*, o.at, o.before, o.left_patient, o.was, o.seen, o.moved
  from (
    select * from json_to_recordset(%(rows)s::json) as n(i int, verb text, rt int2, id uuid, expected int, patient uuid, head text, tail text,
      tok int8[], has int8[], str tsvector, d0 timestamptz, d1 timestamptz, edges json, dated json, amounts json, narrative text, content text)
    where i between 0 and 1000000 order by rt, id
  ) n
  left join lateral (
    select r.ctid as at, r.version as before, r.patient as left_patient, r.body as was, coalesce(({old}), false) as seen,
      r.version is distinct from (select s.version from res s where s.rt = n.rt and s.id = n.id) as moved
    from res r where r.rt = n.rt and r.id = n.id limit 1 for update
  ) o on n.verb <> 'create'
), judged as materialized (
  select n.*,
    coalesce(before, case when verb = 'put' then (select max(v.version) from ver v where v.rt = n.rt and v.id = n.id) end, 0) + 1 as version,
    case
      when moved or at is null and verb <> 'create' and exists (select from res s where s.rt = n.rt and s.id = n.id) then 'moved'
      when rt <> %(patient_type)s and verb = 'put' and not seen and patient is not null and not coalesce(({new}), false) and patient not in (
        select x.id from met x where x.rt = %(patient_type)s and x.before is null and x.verb in ('create', 'put')) then 'outside'
      when before is null and verb in ('update', 'delete') then 'missing'
      when not seen then 'missing'
      when before is null and verb = 'put' and not coalesce((
        select ({last}) from ver l where l.rt = n.rt and l.id = n.id order by l.version desc limit 1), true) then 'missing'
      when before is null and verb = 'put' and exists (
        select from ver e where e.rt = n.rt and e.id = n.id and e.version = 1 and e.op = 'd') then 'erased'
      when expected is not null and expected is distinct from before then 'stale'
      when verb <> 'delete' and patient is not null and not coalesce(({new}), false) and patient not in (
        select x.id from met x where x.rt = %(patient_type)s and x.before is null and x.verb in ('create', 'put')) then 'outside'
      else 'done'
    end as verdict
  from met n
), go as materialized (
  select bool_and(verdict = 'done') as go, date_trunc('milliseconds', now()) as written from judged
), kept as materialized (
  select j.*, coalesce(j.patient, j.id) as shard, go.written,
    head || version || '","lastUpdated":"' || to_char(written at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') || tail as body
  from judged j cross join go where go.go
), inserted as (
  insert into res (shard, rt, id, version, updated, patient, d0, d1, body, tok, has, str)
  select shard, rt, id, version, written, patient, d0, d1, body, tok, has, str from kept where before is null
), updated as (
  update res r set version = k.version, updated = k.written, patient = k.patient, shard = k.shard, d0 = k.d0, d1 = k.d1, tok = k.tok, has = k.has,
    str = k.str, body = k.body
  from kept k where r.ctid = k.at and k.verb <> 'delete'
), deleted as (
  delete from res r using kept k where r.ctid = k.at and k.verb = 'delete'
), logged as (
  insert into ver (at, rt, id, version, op, patient, was)
  select written, rt, id, version, case when verb = 'delete' then 'd' when before is null then 'c' else 'u' end,
    case when verb = 'delete' then left_patient else patient end, was
  from kept order by i
), {found_by}
select j.verdict, j.version, j.before, j.left_patient, go.written as at from judged j cross join go order by j.i

-- name: found_by :fragment
-- Brings edges, dated keys, amounts and words to what rows `kept` say: what they no longer say goes, what is there stays as it is.
unlinked as (
  delete from refs f using (
    select g.at from kept k cross join lateral (select x.ctid as at, x.* from refs x where x.src = k.id and x.st = k.rt offset 0) g
    where k.before is not null and (g.shard <> k.shard or not exists (
      select from json_to_recordset(k.edges) as e(p int4, dt int2, dst uuid) where e.p = g.p and e.dt = g.dt and e.dst = g.dst))
  ) d where f.ctid = d.at
), linked as (
  insert into refs (shard, src, st, p, dt, dst)
  select k.shard, k.id, k.rt, e.p, e.dt, e.dst
  from kept k cross join lateral json_to_recordset(k.edges) as e(p int4, dt int2, dst uuid)
  left join lateral (
    select true as there from refs x
    where k.before is not null and x.src = k.id and x.p = e.p and x.st = k.rt and x.dt = e.dt and x.dst = e.dst
      and x.shard = k.shard limit 1
  ) known on true
  where known.there is null
), undated as (
  delete from hot f using (
    select g.at from kept k cross join lateral (select x.ctid as at, x.* from hot x where x.id = k.id and x.rt = k.rt offset 0) g
    where k.before is not null and (g.patient is distinct from k.patient or g.shard <> k.shard or not exists (
      select from json_to_recordset(k.dated) as h(k int8, d0 timestamptz, d1 timestamptz)
      where h.k = g.k and h.d0 = g.d0 and h.d1 is not distinct from g.d1))
  ) d where f.ctid = d.at
), dated as (
  insert into hot (shard, k, d0, d1, id, rt, patient)
  select k.shard, h.k, h.d0, h.d1, k.id, k.rt, k.patient
  from kept k cross join lateral json_to_recordset(k.dated) as h(k int8, d0 timestamptz, d1 timestamptz)
  left join lateral (
    select true as there from hot x
    where k.before is not null and x.k = h.k and x.d0 = h.d0 and x.id = k.id and x.rt = k.rt and x.d1 is not distinct from h.d1
      and x.patient is not distinct from k.patient and x.shard = k.shard limit 1
  ) known on true
  where known.there is null
), unmeasured as (
  delete from amount f using (
    select g.at from kept k cross join lateral (select x.ctid as at, x.* from amount x where x.id = k.id and x.rt = k.rt offset 0) g
    where k.before is not null and (g.shard <> k.shard or not exists (
      select from json_to_recordset(k.amounts) as a(k int8, lo numeric, hi numeric, p int8, raw_lo numeric, raw_hi numeric, tok int8[])
      where a.k = g.k and a.lo = g.lo and a.hi = g.hi and a.tok = g.tok and (a.p, a.raw_lo, a.raw_hi) is not distinct from (g.p, g.raw_lo, g.raw_hi)))
  ) d where f.ctid = d.at
), measured as (
  insert into amount (shard, k, lo, hi, p, raw_lo, raw_hi, tok, id, rt)
  select k.shard, a.k, a.lo, a.hi, a.p, a.raw_lo, a.raw_hi, a.tok, k.id, k.rt
  from kept k
  cross join lateral json_to_recordset(k.amounts) as a(k int8, lo numeric, hi numeric, p int8, raw_lo numeric, raw_hi numeric, tok int8[])
  left join lateral (
    select true as there from amount x
    where k.before is not null and x.id = k.id and x.rt = k.rt and x.k = a.k and x.lo = a.lo and x.hi = a.hi and x.tok = a.tok
      and (x.p, x.raw_lo, x.raw_hi) is not distinct from (a.p, a.raw_lo, a.raw_hi) and x.shard = k.shard limit 1
  ) known on true
  where known.there is null
), said as materialized (
  select k.id, k.rt, k.patient, k.shard, k.before, {words} as words from kept k where k.narrative <> '' or k.content <> ''
), unsaid as (
  delete from words f using (
    select g.at from kept k cross join lateral (select x.ctid as at, x.* from words x where x.id = k.id and x.rt = k.rt offset 0) g
    where k.before is not null and not exists (
      select from said s where s.id = g.id and s.rt = g.rt and s.patient is not distinct from g.patient and s.words = g.words)
  ) d where f.ctid = d.at
), said_anew as (
  insert into words (rt, id, patient, shard, words)
  select s.rt, s.id, s.patient, s.shard, s.words
  from said s left join lateral (
    select true as there from words x
    where s.before is not null and x.id = s.id and x.rt = s.rt and x.patient is not distinct from s.patient and x.words = s.words limit 1
  ) known on true
  where known.there is null
)

-- name: reindex :many
-- What stored resources are found by, as given, where their version is still the one that was read: whoever wrote since has indexed anew. Rows
-- are locked in the order of `write`, and `where` is asked again of a row that was waited for. Answers those that were not passed over.
with kept as materialized (
  select n.*, coalesce(n.patient, n.id) as shard, o.at, true as before
  from (
    select * from json_to_recordset(%(rows)s::json) as n(rt int2, id uuid, version int, patient uuid,
      tok int8[], has int8[], str tsvector, d0 timestamptz, d1 timestamptz, edges json, dated json, amounts json, narrative text, content text)
    order by rt, id
  ) n
  cross join lateral (select r.ctid as at from res r where r.rt = n.rt and r.id = n.id and r.version = n.version limit 1 for update) o
), updated as (
  update res r set patient = k.patient, shard = k.shard, d0 = k.d0, d1 = k.d1, tok = k.tok, has = k.has, str = k.str
  from kept k where r.ctid = k.at and not (
    (r.patient, r.d0, r.d1, r.str) is not distinct from (k.patient, k.d0, k.d1, k.str) and r.shard = k.shard
    and r.tok @> k.tok and r.tok <@ k.tok and r.has @> k.has and r.has <@ k.has)
), {found_by}
select k.rt, k.id from kept k

-- name: unindexed :many
-- Current resources behind a place in the order of their keys, as many as fit into a size in bytes (one at least).
select r.rt, r.id, r.version, r.body
from (
  select n.*, sum(octet_length(n.body)) over (order by n.rt, n.id) - octet_length(n.body) as before
  from (select * from res where (rt, id) > (%(rt)s::int2, %(id)s::uuid) order by rt, id limit %(limit)s) n
) r
where r.before < %(size)s order by r.rt, r.id

-- name: indexing :one
-- The rules that everything was indexed by, and the reindex that is under way.
select i.rules, i.running, i.done, i.failed, i.rt, i.id, current_setting('server_version_num')::int / 10000 as server,
  exists(select from res) as filled
from (select true) t left join indexing i on true

-- name: note_rules :exec
-- A store without resources is indexed by any rules.
insert into indexing (rules) select %(rules)s where not exists (select from res)
on conflict (single) do update set rules = excluded.rules, running = null, rt = null, id = null, done = null, failed = 0

-- name: begin_indexing :one
-- Begins a reindex by these rules, or goes on with the one that was begun by them; holds the place it came to.
insert into indexing (rules, running, rt, id, done) values ('', %(rules)s, 0, '00000000-0000-0000-0000-000000000000', 0)
on conflict (single) do update set running = excluded.running,
  rt = case when indexing.running = excluded.running then indexing.rt else excluded.rt end,
  id = case when indexing.running = excluded.running then indexing.id else excluded.id end,
  done = case when indexing.running = excluded.running then indexing.done else excluded.done end,
  failed = case when indexing.running = excluded.running then indexing.failed else 0 end
returning rt, id, done, failed

-- name: go_on_indexing :exec
-- The place that a reindex has come to.
update indexing set rt = %(rt)s, id = %(id)s, done = done + %(count)s, failed = failed + %(failed)s

-- name: end_indexing :exec
-- Everything is indexed by these rules, unless something failed.
update indexing set rules = case failed when 0 then running else '' end, running = null, rt = null, id = null, done = null where running = %(rules)s

-- name: count_resources :value
-- Current resources.
select count(*) from res

-- name: left_to_index :value
-- Current resources behind a place, as many as `most` at most.
select count(*) from (select from res where (rt, id) > (%(rt)s::int2, %(id)s::uuid) limit %(most)s) r

-- name: create :many
-- Creations only: as `write`, without what stored rows would need. An id that is taken breaks the key of the log.
with met as materialized (
  select n.*
  from json_to_recordset(%(rows)s::json) as n(i int, rt int2, id uuid, expected int, patient uuid, head text, tail text,
    tok int8[], has int8[], str tsvector, d0 timestamptz, d1 timestamptz, edges json, dated json, amounts json, narrative text, content text)
  where i between 0 and 1000000
), judged as materialized (
  select n.*,
    case
      when expected is not null then 'stale'
      when patient is not null and not coalesce(({new}), false) and patient not in (select x.id from met x where x.rt = %(patient_type)s)
        then 'outside'
      else 'done'
    end as verdict
  from met n
), go as materialized (
  select bool_and(verdict = 'done') as go, date_trunc('milliseconds', now()) as written from judged
), kept as materialized (
  select j.*, coalesce(j.patient, j.id) as shard, go.written,
    head || 1 || '","lastUpdated":"' || to_char(written at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') || tail as body
  from judged j cross join go where go.go
), inserted as (
  insert into res (shard, rt, id, version, updated, patient, d0, d1, body, tok, has, str)
  select shard, rt, id, 1, written, patient, d0, d1, body, tok, has, str from kept
), logged as (
  insert into ver (at, rt, id, version, op, patient) select written, rt, id, 1, 'c', patient from kept order by i
), linked as (
  insert into refs (shard, src, st, p, dt, dst)
  select k.shard, k.id, k.rt, e.p, e.dt, e.dst from kept k cross join lateral json_to_recordset(k.edges) as e(p int4, dt int2, dst uuid)
), dated as (
  insert into hot (shard, k, d0, d1, id, rt, patient)
  select k.shard, h.k, h.d0, h.d1, k.id, k.rt, k.patient
  from kept k cross join lateral json_to_recordset(k.dated) as h(k int8, d0 timestamptz, d1 timestamptz)
), measured as (
  insert into amount (shard, k, lo, hi, p, raw_lo, raw_hi, tok, id, rt)
  select k.shard, a.k, a.lo, a.hi, a.p, a.raw_lo, a.raw_hi, a.tok, k.id, k.rt
  from kept k
  cross join lateral json_to_recordset(k.amounts) as a(k int8, lo numeric, hi numeric, p int8, raw_lo numeric, raw_hi numeric, tok int8[])
), said as (
  insert into words (rt, id, patient, shard, words)
  select k.rt, k.id, k.patient, k.shard, {words} from kept k where k.narrative <> '' or k.content <> ''
)
select j.verdict, 1 as version, null::int as before, null::uuid as left_patient, go.written as at from judged j cross join go order by j.i

-- name: words :fragment
-- The words of a row `k`, those of the narrative marked, and its type: `'=number'` (fhir/search/words.py).
(setweight(to_tsvector('french_words', k.narrative), 'A') || to_tsvector('french_words', k.content) || array_to_tsvector(array['=' || k.rt]))

-- name: hold_keys :exec
-- Waits until nobody else holds these keys, and holds them until the transaction ends: in their order, so that two never wait for each other.
select case when shared then pg_advisory_xact_lock_shared(key) else pg_advisory_xact_lock(key) end
from (select * from json_to_recordset(%(holds)s::json) as h(key int8, shared bool) order by key) held

-- name: hold_row :one
-- Waits until no other writer holds a resource, and holds it until the transaction ends; its version, when it is in scope (`{row}`).
select r.version from res r where r.rt = %(rt)s and r.id = %(id)s and ({row}) for update

-- name: hold_rows :many
-- As `hold_row`, for several resources in the order of `write`, so that two never wait for each other: which of them are there and in scope.
select w.place
from (select * from unnest(%(types)s::int2[], %(ids)s::uuid[]) with ordinality as n(rt, id, place) order by rt, id) w
cross join lateral (select true as there from res r where r.rt = w.rt and r.id = w.id and ({row}) limit 1 for update) held

-- name: read :one
-- The current version of one resource, when it is in scope (`{row}`).
select r.version, r.updated, r.patient, convert_to(r.body, 'UTF8') as body from res r where r.rt = %(rt)s and r.id = %(id)s and ({row})

-- name: read_each :many
-- Current versions, each when it is in its scope (`{row}`, whose parameters are `{columns}` of what was asked for).
select w.i, r.version, r.updated, r.patient, convert_to(r.body, 'UTF8') as body
from json_to_recordset(%(asked)s::json) as w(i int, rt int2, id uuid{columns})
cross join lateral (select * from res where res.rt = w.rt and res.id = w.id limit 1) r
where {row}

-- name: there_for_each :many
-- The same, without the text: which of them are there.
select w.i
from json_to_recordset(%(asked)s::json) as w(i int, rt int2, id uuid{columns})
cross join lateral (select * from res where res.rt = w.rt and res.id = w.id and res.body <> '' limit 1) r
where {row}

-- name: trace :one
-- What the log says of a resource that is not to be read: its last write, and whether that one is in scope (`{row}`).
select v.version, v.op, v.at, coalesce(({row}), false) as seen,
  exists (select from ver e where e.rt = v.rt and e.id = v.id and e.version = 1 and e.op = 'd') as erased
from ver v where v.rt = %(rt)s and v.id = %(id)s order by v.version desc limit 1

-- name: vread :one
-- One version: the log's row of it, its body (kept by the next write, or current), and the head of the text (for the id).
select v.version, v.op, v.at as updated, v.patient, coalesce(next.was, r.body) as body
from ver v
left join ver next on next.rt = v.rt and next.id = v.id and next.version = v.version + 1
left join res r on r.rt = v.rt and r.id = v.id and r.version = v.version
where v.rt = %(rt)s and v.id = %(id)s and v.version = %(version)s and {seen}

-- name: history_seen :fragment
-- A version is in scope when it was when it was written and the current version (or the deletion) still is.
(({row})
  and coalesce((select ({current}) from res c where c.rt = v.rt and c.id = v.id),
               (select ({last}) from ver l where l.rt = v.rt and l.id = v.id order by l.version desc limit 1)))

-- name: history :many
-- Versions, newest first, from before a place in the log on; `{which}` chooses one resource or a type, `{current}` a time.
select v.rt, v.id, v.version, v.op, v.at as updated, v.patient, v.seq, coalesce(next.was, r.body) as body, left(v.was, 200) as was
from ver v
left join ver next on next.rt = v.rt and next.id = v.id and next.version = v.version + 1
left join res r on r.rt = v.rt and r.id = v.id and r.version = v.version
where {which} and v.at >= %(since)s and {current} and {seen}
order by {order} limit %(limit)s

-- name: history_of_all :many
-- The newest versions of all types from those of each (`{history}`).
select h.* from unnest(%(types)s::int2[]) as t(rt) cross join lateral ({history}) h
order by h.updated desc, h.seq desc limit %(limit)s

-- name: history_of_each :many
-- The newest versions of each of several resources (`{history}`), so many of each.
select h.* from unnest(%(rts)s::int2[], %(ids)s::uuid[]) with ordinality as t(rt, id, rank) cross join lateral ({history}) h
order by t.rank, h.version desc

-- name: history_count_of_all :value
-- How many versions of all types there are to see, from the numbers of each.
select sum(h.count)::int8 as count from unnest(%(types)s::int2[]) as t(rt) cross join lateral ({history}) h

-- name: history_count :value
-- How many versions there are to see.
select count(*) as count from ver v left join ver next on next.rt = v.rt and next.id = v.id and next.version = v.version + 1
where {which} and v.at >= %(since)s and {current} and {seen}

-- name: any_time :fragment
-- The versions of any time.
true

-- name: was_current :fragment
-- The versions that were current at some time of a span; a deletion when it fell within.
v.at < %(until)s and case when v.op = 'd' then v.at >= %(first)s else coalesce(next.at, 'infinity') > %(first)s end

-- name: of_resource :fragment
-- The versions of one resource.
v.rt = %(rt)s and v.id = %(id)s and v.version < %(before)s

-- name: of_type :fragment
-- The versions of one type.
v.rt = %(rt)s and (v.at, v.seq) < (%(at)s, %(seq)s)

-- name: of_named :fragment
-- The versions of the resource in question.
v.rt = t.rt and v.id = t.id

-- name: of_each :fragment
-- The versions of the type in question.
v.rt = t.rt and (v.at, v.seq) < (%(at)s, %(seq)s)

-- name: feed :many
-- Writes after a place, in the order of the log, below the oldest transaction that still runs: none can appear behind the reader.
select v.xid::text as xid, v.seq, v.at, v.rt, v.id, v.version, v.op, v.patient, 
  left(coalesce(r.body, v.was, (select d.was from ver d where d.rt = v.rt and d.id = v.id and d.was is not null limit 1)), 200) as head
from ver v left join res r on v.rt = r.rt and v.id = r.id
where (v.xid, v.seq) > (%(xid)s::xid8, %(seq)s) and v.xid < pg_snapshot_xmin(pg_current_snapshot())
order by v.xid, v.seq limit %(limit)s

-- name: load_res :fragment
-- Current versions in bulk.
copy res (shard, rt, id, version, updated, patient, d0, d1, body, tok, has, str) from stdin

-- name: load_ver :fragment
-- The log of resources loaded in bulk.
copy ver (at, rt, id, version, op, patient) from stdin

-- name: load_refs :fragment
-- Edges in bulk.
copy refs (shard, src, dst, p, st, dt) from stdin

-- name: load_hot :fragment
-- Dated keys in bulk.
copy hot (shard, k, d0, d1, id, rt, patient) from stdin

-- name: load_amount :fragment
-- Numbers and quantities in bulk.
copy amount (shard, k, lo, hi, p, raw_lo, raw_hi, tok, id, rt) from stdin

-- name: load_words :exec
-- Words in bulk.
insert into words (rt, id, patient, shard, words)
select k.rt, k.id, k.patient, coalesce(k.patient, k.id), {words}
from json_to_recordset(%(rows)s::json) as k(rt int2, id uuid, patient uuid, narrative text, content text)

-- name: analyze :exec
-- Statistics after a bulk load: without them the next statements are planned as if the tables were empty.
analyze res, ver, refs, hot, amount, words

-- name: written_at :value
-- The time that this transaction gives to what it writes.
select date_trunc('milliseconds', now())

-- name: compartment :many
-- The newest resources of some types in some patients' records, at most so many of each type a patient. `{seen}`: scope of `r`.
select r.rt, r.id, r.version, r.updated, r.patient, convert_to(r.body, 'UTF8') as body
from unnest(%(patients)s::uuid[]) as p(patient)
cross join unnest(%(types)s::int2[], %(limits)s::int8[]) as wanted(rt, most)
cross join lateral (
  select * from res where res.patient = p.patient and res.rt = wanted.rt order by d0 desc, id desc limit wanted.most
) r
where {seen}
order by r.rt, r.d0 desc, r.id desc

-- name: thread :many
-- One thread of some types in some patients' records, by main date, the last first, from before a place (`at`, `rt`, `id`) on. `{seen}`: scope of
-- `r`; `{named}`: a further condition. Each type gives a page at most, so a long record costs no more than a short one.
select r.rt, r.id, r.version, r.updated, r.patient, r.d0, convert_to(r.body, 'UTF8') as body
from unnest(%(patients)s::uuid[]) as p(patient)
cross join unnest(%(types)s::int2[]) as t(rt)
cross join lateral (
  select * from res r
  where r.patient = p.patient and r.rt = t.rt and r.d0 >= %(since)s and r.d0 < %(until)s and r.d0 <= %(at)s
    and (r.d0, r.rt, r.id) < (%(at)s, %(rt)s::int2, %(id)s::uuid) and {named} and ({seen})
  order by r.d0 desc, r.id desc limit %(most)s
) r
order by r.d0 desc, r.rt desc, r.id desc limit %(most)s

-- name: named_in :fragment
-- A row that names one of some people by one of some parameters.
(select true from refs f where f.src = r.id and f.p = any(%(by)s::int4[]) and f.st = r.rt
   and (f.dt, f.dst) in (select * from unnest(%(kinds)s::int2[], %(people)s::uuid[])) limit 1)

-- name: changed :many
-- What was written of some types in some patients' records since a place in the log, the last written first: how it is, how it was at that place
-- (null: it was not), by which transactions. A write that was under way when the place was read (`horizon`) is behind it, however late it ends.
-- Of very many writes the last are told; of what came and went meanwhile, nothing. `{seen}`, `{left}`: scope of `r`, and of `l`, the deletion of what is no more. One row at least: where the log is now.
with written as materialized (
  select v.* from unnest(%(patients)s::uuid[]) as p(patient)
  cross join lateral (
    select * from ver
    where ver.patient = p.patient and ver.at > %(since)s::timestamptz - interval '15 minutes'
      and (ver.at > %(since)s or ver.xid >= %(horizon)s::xid8) and ver.rt = any(%(types)s::int2[])
    order by ver.at desc limit %(versions)s
  ) v
), touched as materialized (
  select w.rt, w.id, min(w.version) as first, max(w.version) as last, max(w.at) as at, array_agg(w.xid::text) as writes
  from written w group by w.rt, w.id
), told as (
  select t.rt, t.last as version, t.at as updated, coalesce(r.patient, l.patient) as patient, t.writes,
    row_number() over (order by t.at desc, r.d0 desc nulls last, t.rt, t.id) as place,
    convert_to(r.body, 'UTF8') as body, convert_to(b.was, 'UTF8') as before
  from touched t
  join ver b on b.rt = t.rt and b.id = t.id and b.version = t.first
  left join res r on r.rt = t.rt and r.id = t.id
  left join lateral (select * from ver l where r.id is null and l.rt = t.rt and l.id = t.id order by l.version desc limit 1) l on true
  where case when r.id is null then l.op = 'd' and b.was is not null and l.patient = any(%(patients)s::uuid[]) and coalesce(({left}), false)
        else r.patient = any(%(patients)s::uuid[]) and coalesce(({seen}), false) end
  order by place limit %(most)s
)
select now() as now, pg_snapshot_xmin(pg_current_snapshot())::text as horizon, told.*
from (select true) as one left join told on true
order by told.place

-- name: hold_to_erase :exec
-- Waits until no other writer holds these resources, in the order of `write`, and holds them.
select from (select * from json_to_recordset(%(wanted)s::json) as n(rt int2, id uuid) order by rt, id) n
cross join lateral (select true as there from res r where r.rt = n.rt and r.id = n.id limit 1 for update) held

-- name: versions_to_erase :many
-- Those of these resources of which the log knows something that can be erased: their last version, and in whose compartment it was.
select n.rt, n.id, n.kind, n.name, l.version as last, l.patient
from json_to_recordset(%(wanted)s::json) as n(rt int2, id uuid, kind text, name text)
cross join lateral (select v.version, v.patient from ver v where v.rt = n.rt and v.id = n.id order by v.version desc limit 1) l
where not exists (select from ver v where v.rt = n.rt and v.id = n.id and v.version = 1 and v.op = 'd')

-- name: erase_found_by :exec
-- The current versions, and whatever they are found by. What other resources say of them is theirs.
with gone as materialized (select * from json_to_recordset(%(gone)s::json) as n(rt int2, id uuid)),
unlinked as (delete from refs f using gone n where f.src = n.id and f.st = n.rt),
undated as (delete from hot f using gone n where f.id = n.id and f.rt = n.rt),
unmeasured as (delete from amount f using gone n where f.id = n.id and f.rt = n.rt),
unsaid as (delete from words f using gone n where f.id = n.id and f.rt = n.rt)
delete from res r using gone n where r.rt = n.rt and r.id = n.id

-- name: erase_versions :exec
-- Every version.
delete from ver v using json_to_recordset(%(gone)s::json) as n(rt int2, id uuid) where v.rt = n.rt and v.id = n.id

-- name: leave_erased :exec
-- That there was one: the number of each version, and the next, so that whoever writes it meanwhile has lost, however old what they saw.
insert into ver (at, rt, id, version, op, was)
select date_trunc('milliseconds', now()), n.rt, n.id, x.version, 'd', '{"resourceType":"' || n.kind || '","id":"' || n.name || '"}'
from json_to_recordset(%(gone)s::json) as n(rt int2, id uuid, kind text, name text, last int)
cross join lateral generate_series(1, n.last + 1) as x(version)
order by n.rt, n.id, x.version
