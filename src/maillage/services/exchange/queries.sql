-- name: accepted_before :one
-- The answer already given to these very bytes, and counts that they came again.
update exchange_message set repeated = repeated + 1
where source = %(source)s and control_id = %(control_id)s and sha256 = %(sha256)s and state in ('accepted', 'replayed')
returning id, answer

-- name: accept :value
-- Records a message as accepted, once: no row when the same bytes were accepted meanwhile.
insert into exchange_message
  (source, control_id, type, sha256, size, peer, state, code, answer, patient, records, received_at, same_control_id)
values
  (%(source)s, %(control_id)s, %(type)s, %(sha256)s, %(size)s, %(peer)s, 'accepted', 'AA', %(answer)s, %(patient)s, %(records)s,
   %(received_at)s,
   exists (select from exchange_message where source = %(source)s and control_id = %(control_id)s and sha256 <> %(sha256)s))
on conflict (source, control_id, sha256) where code = 'AA' do nothing
returning id

-- name: refuse :exec
-- Records that a message was refused, and with what answer.
insert into exchange_message (source, control_id, type, sha256, size, peer, state, code, answer, received_at, same_control_id)
values
  (%(source)s, %(control_id)s, %(type)s, %(sha256)s, %(size)s, %(peer)s, 'refused', %(code)s, %(answer)s, %(received_at)s,
   exists (select from exchange_message where source = %(source)s and control_id = %(control_id)s and sha256 <> %(sha256)s))

-- name: quarantine :value
-- Keeps the original; when the same bytes are already there and open, counts another arrival and tells the newest reason.
insert into exchange_quarantine
  (source, control_id, type, sha256, original, peer, reason, code, error, segment, sequence, field, repetition, component, subcomponent,
   text, received_at, last_at)
values
  (%(source)s, %(control_id)s, %(type)s, %(sha256)s, %(original)b, %(peer)s, %(reason)s, %(code)s, %(error)s, %(segment)s, %(sequence)s,
   %(field)s, %(repetition)s, %(component)s, %(subcomponent)s, %(text)s, %(received_at)s, %(received_at)s)
on conflict (source, control_id, sha256) where state = 'open' do update set
  arrivals = exchange_quarantine.arrivals + 1, last_at = excluded.last_at, peer = excluded.peer, reason = excluded.reason,
  code = excluded.code, error = excluded.error, segment = excluded.segment, sequence = excluded.sequence, field = excluded.field,
  repetition = excluded.repetition, component = excluded.component, subcomponent = excluded.subcomponent, text = excluded.text
returning id

-- name: quarantined :many
-- The entries of the quarantine in a state, newest first, without their bytes; keyset paging by (last_at, id).
select id, source, control_id, type, reason, code, error, segment, sequence, field, repetition, component, subcomponent, text, arrivals,
  state, received_at, last_at, closed_at, closed_by, closed_reason, octet_length(original) as size
from exchange_quarantine
where state = %(state)s and (%(source)s::text is null or source = %(source)s)
  and (%(before_at)s::timestamptz is null or (last_at, id) < (%(before_at)s, %(before_id)s::uuid))
order by last_at desc, id desc
limit %(count)s

-- name: quarantine_entry :one
-- One entry with its original bytes.
select q.*, octet_length(q.original) as size from exchange_quarantine q where id = %(id)s

-- name: lock_quarantine_entry :one
-- One entry with its original bytes, held until the transaction ends.
select q.* from exchange_quarantine q where id = %(id)s for update

-- name: attempts :many
-- The texts replayed from an entry, oldest first.
select number, actor, at, code, place, text from exchange_attempt where quarantine = %(id)s order by number

-- name: attempt :exec
-- Records a replay and the answer it got.
insert into exchange_attempt (quarantine, number, content, actor, at, code, place, text)
select %(id)s, 1 + count(*), %(content)b, %(actor)s, %(at)s, %(code)s, %(place)s, %(text)s from exchange_attempt where quarantine = %(id)s

-- name: close_quarantine_entry :exec
-- Closes an open entry, as replayed or dismissed.
update exchange_quarantine set state = %(state)s, closed_at = %(at)s, closed_by = %(actor)s, closed_reason = %(reason)s
where id = %(id)s and state = 'open'

-- name: settle_refused :exec
-- The refused lines of a message that was dismissed.
update exchange_message set state = 'dismissed'
where source = %(source)s and control_id = %(control_id)s and sha256 = %(sha256)s and state = 'refused'

-- name: settle_replayed :exec
-- A refused message whose correction was accepted: the sender who sends the original again gets the correction's answer.
update exchange_message set state = 'replayed', answer = %(answer)s
where source = %(source)s and control_id = %(control_id)s and sha256 = %(sha256)s and state = 'refused'

-- name: open_count :value
-- How many entries of the quarantine wait for someone.
select count(*) from exchange_quarantine where state = 'open'

-- name: sources :many
-- Each source of the last 30 days: last message, counts of the last 24 hours, of the last hour, and what waits in quarantine.
select m.source, max(m.received_at) as last_at,
  count(*) filter (where m.received_at > %(now)s - interval '1 day') as day,
  count(*) filter (where m.received_at > %(now)s - interval '1 hour') as hour,
  count(*) filter (where m.received_at > %(now)s - interval '1 day' and m.state = 'refused') as refused,
  (select count(*) from exchange_quarantine q where q.source = m.source and q.state = 'open') as waiting
from exchange_message m
where m.received_at > %(now)s - interval '30 days'
group by m.source
order by last_at desc
limit 200

-- name: flow :one
-- What came in during the last hour, and what waits in quarantine: figures for /metrics, about nobody.
select count(*) filter (where state <> 'refused') as accepted_last_hour,
  count(*) filter (where state = 'refused') as refused_last_hour,
  (select count(*) from exchange_quarantine where state = 'open') as quarantined
from exchange_message where received_at > %(now)s - interval '1 hour'

-- name: forget :exec
-- The texts that waited in the quarantine and became resources (references) that are erased: replayed, or sent again. Who sent what, when, stays; one that
-- still waits waits no more. `received_at` is the instant of the replay.
with held as materialized (
  select q.id from exchange_quarantine q
  where octet_length(q.original) > 0 and (
    exists (select from exchange_message m where m.source = q.source and m.control_id = q.control_id and m.records && %(records)s::text[]
              and (m.sha256 = q.sha256 or q.state <> 'open'))
    or exists (select from exchange_attempt a join exchange_message m on m.received_at = a.at
               where a.quarantine = q.id and a.code = 'AA' and m.records && %(records)s::text[]))
), corrected as (
  update exchange_attempt a set content = ''::bytea from held h where a.quarantine = h.id
)
update exchange_quarantine q set original = ''::bytea, text = '', state = case q.state when 'open' then 'dismissed' else q.state end,
  closed_at = coalesce(q.closed_at, %(now)s)
from held h where q.id = h.id
