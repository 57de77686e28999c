-- name: all_rows :fragment
-- Every row: jobs, and machine clients registered for the whole system.
true

-- name: rows_of_types :fragment
-- The types that a software's scopes open whole. Lists that do not change are literals: as parameters they would cost more than the row.
{rt} = any('{types}'::smallint[])

-- name: narrowed_row :fragment
-- A type of which a software's scopes open the rows that say something: the stored row is asked, whatever `{row}` has of it.
{rt} = {type} and coalesce((select {conditions} from res narrowed where narrowed.rt = {type} and narrowed.id = {row}.id), false)

-- name: narrowed_home :fragment
-- The record of the one person on whom a software was opened, and what is in nobody's record.
coalesce({row}.patient = %(access_of)s::uuid, {rt} = any('{open}'::smallint[]))

-- name: narrowed_circle :fragment
-- The same person: no other record needs to be looked into.
select %(access_of)s::uuid as patient

-- name: open_rows :fragment
-- The directory and the definitions: no patient in them, open to whoever signed in.
{row}.patient is null and {rt} = any('{open}'::smallint[])

-- name: identities :fragment
-- Identity traits only: Patient rows, all of them, and nothing clinical.
{rt} = any('{identity}'::smallint[])

-- name: granted :fragment
-- Rows of the patients that the records give to this actor now, less what their profession, the record itself or the person keeps from them; and
-- what they signed themselves. Of what is said about one person and this actor the heaviest decides (`access_grant.weight`).
-- Scalar sub-selects, never EXISTS: the planner would turn that into a join that starts from all patients of the actor.
case when {row}.patient is null then false else
  case {sight}
  when 1 then false
  when 0 then
    coalesce({rt} <> all({kept})
             and ({unmasked}(select true from access_mask k
                  where k.rt = {rt} and k.id = {row}.id and k.audience = any({audiences}) and k.until > %(access_now)s
                    and not k.authors && array(select %(access_self)s::uuid
                                               union all
                                               select m.acts_for from access_member m
                                               where m.member = %(access_self)s::uuid and m.since <= %(access_now)s and m.until > %(access_now)s
                                               {attending})
                  limit 1) is null), false)
    or {signed}
  else {signed} end
end

-- name: sight_of_one :fragment
-- Whether the heaviest of what is said about the patient of a row closes their record (1) or opens it (0).
(select max(g.weight) & 1 from access_grant g
 where g.patient = {row}.patient and g.grantee = any({told}) and g.since <= %(access_now)s and g.until > %(access_now)s)

-- name: sight_among :fragment
-- The same of a row of the list `{among}`: what is said of the patients of the list is read once a statement, and looked up for each row.
case when {row}.patient in (select g.patient from {said} group by g.patient having max(g.weight) & 1 = 0) then 0
     when {row}.patient in (select g.patient from {said} group by g.patient having max(g.weight) & 1 = 1) then 1 end

-- name: said :fragment
-- What is said now about the patients of a list, under one name of the actor after the other: those of a team stand side by side in its index.
unnest({told}) as who (grantee)
cross join lateral (select a.patient, a.weight from access_grant a
                    where a.grantee = who.grantee and a.patient = any(array(select patient from {among})) and a.since <= %(access_now)s and a.until > %(access_now)s
                    offset 0) g

-- name: told :fragment
-- The names of the actor, and of the groups they are of, under which something may be said about a patient and them.
array(select %(access_self)s::uuid
      union all
      select unnest('{groups}'::uuid[])
      union all
      select m.acts_for from access_member m
      where m.member = %(access_self)s::uuid and m.since <= %(access_now)s and m.until > %(access_now)s)

-- name: unmasked :fragment
-- Of a row of the list `{among}`: what is kept from the actor's audiences is read once a statement. Only a row that is among it is looked at by itself.
{row}.id not in (select k.id from access_mask k
                 where k.rt = {rt} and k.id = any(array(select id from {among})) and k.audience = any({audiences}) and k.until > %(access_now)s) or

-- name: attending :fragment
-- Of a doctor, among their names: that of the attending physician of the person, while the person's record says that it is they.
union all
(select '{physician}'::uuid from access_grant t
 where t.patient = {row}.patient and t.since <= %(access_now)s and t.until > %(access_now)s
   and t.grantee = any(array(select %(access_attending)s::uuid
                             union all
                             select m.acts_for from access_member m
                             where m.member = %(access_attending)s::uuid and m.since <= %(access_now)s and m.until > %(access_now)s))
 limit 1)

-- name: signed :fragment
-- What the actor signed, asked for or was asked, whoever it is about.
coalesce((select true from access_author a
          where a.rt = {rt} and a.id = {row}.id
            and a.author = any(array(select %(access_self)s::uuid
                                     union all
                                     select m.acts_for from access_member m
                                     where m.member = %(access_self)s::uuid and m.since <= %(access_now)s and m.until > %(access_now)s))
          limit 1), false)

-- name: kept_types :fragment
-- The types that a profession does not read: asked once a statement.
(select h.types from access_habilitation h where h.profession = '{profession}')::smallint[]

-- name: kept_audiences :fragment
-- The audiences that an actor belongs to, with those of the classes that their profession does not read: asked once a statement.
array(select unnest('{names}'::text[]) union all select unnest(h.audiences) from access_habilitation h where h.profession = '{profession}')

-- name: carer_types :fragment
-- The types that a carer's scope keeps from them now, null for one without: asked once a statement.
(select c.types from access_member m join access_carer c on c.key = m.acts_for
 where m.member = %(access_self)s::uuid and m.since <= %(access_now)s and m.until > %(access_now)s limit 1)::smallint[]

-- name: carer_audiences :fragment
-- The audiences that a carer belongs to, with those of the classes that their scope keeps from them: asked once a statement.
array(select unnest('{names}'::text[])
      union all
      select unnest(c.audiences) from access_member m join access_carer c on c.key = m.acts_for
      where m.member = %(access_self)s::uuid and m.since <= %(access_now)s and m.until > %(access_now)s)

-- name: circle :fragment
-- The patients of whom this actor may see something now, some more than once, from one on in their order and so many at most for each of those
-- they act for: who asks for them in this order reads no more of them than they take.
select g.patient
from unnest(array(select %(access_self)s::uuid
                  union
                  select m.acts_for from access_member m
                  where m.member = %(access_self)s::uuid and m.since <= %(access_now)s and m.until > %(access_now)s)) as who (grantee)
cross join lateral ((select distinct a.patient from access_grant a
                     where a.grantee = who.grantee and a.patient >= {from} and a.since <= %(access_now)s and a.until > %(access_now)s
                     order by a.patient limit {most})
                    union all
                    (select distinct s.patient from access_author s
                     where s.author = who.grantee and s.patient >= {from}
                     order by s.patient limit {most})) g

-- name: derive :exec
-- What the written records say about who may see whom, and what.
select access_derive(%(vias)s, %(grants)s, %(members)s, %(masked)s, %(masks)s, %(links)s, %(signed)s)

-- name: tell :exec
-- Of which documents the written records tell: they are hidden with them.
select access_tell(%(tellings)s)

-- name: keep :exec
-- What belongs to a stay that is kept from legal representatives is kept from them with it.
select access_keep(%(below)s, %(stays)s)

-- name: secrets_of :many
-- What of a person's record is kept from their carers, by "Type/id".
select distinct (r.body::json->>'resourceType') || '/' || (r.body::json->>'id') as name
from access_mask m join res r on r.rt = m.rt and r.id = m.id
where m.audience = 'carer' and m.until > %(now)s and r.patient in (select access_identities(p) from unnest(%(patients)s::uuid[]) as p) and r.body <> ''

-- name: links_of :many
-- The patients that a patient's own record links to, as last derived.
select other from access_link where via = %(via)s

-- name: link_opens :value
-- Whether one Patient is given to someone (not to the person themself) to whom the other is not given for as long.
select exists (
  select from access_grant s
  where s.patient = %(source)s and s.grantee <> %(oneself)s and s.weight & 1 = 0 and not exists (
    select from access_grant r
    where r.patient = %(record)s and r.grantee = s.grantee and r.weight = 0 and r.since <= s.since and r.until >= s.until))

-- name: granted_by :many
-- To whom a record gives a sight, as last derived.
select distinct grantee from access_grant where via = %(via)s and weight = 0

-- name: patient_of_row :value
-- Whose record was asked for, whether or not the actor may see it: a refused attempt shows in the right person's trail.
select patient from res where rt = %(rt)s and id = %(id)s

-- name: append_audit :exec
-- One statement for all that a context did.
select audit_append(%(entries)s)

-- name: end_with :exec
-- The last statement of a context that announces something: its trail and its events.
select audit_append(%(entries)s), event_record(%(events)s)

-- name: audit_secret :value
-- The key under which searched names are hashed.
select secret from audit_secret

-- name: audit_of_patient :many
-- Who touched the record of one person (all of their linked identities), or one document of it, newest first, after a cursor.
-- What a software did for who is left out is not: they gave it their word, and did not watch.
select a.at, a.actor, a.kind, a.name, a.roles, a.reference, a.organizations, a.purpose, a.door, a.action, a.type, a.id, a.query, a.outcome,
       a.origin, a.chain, a.batch, a.place
from audit a
where a.patients && array(select access_identities(%(patient)s))
  and (%(before_at)s::timestamptz is null
       or (a.at, a.chain, a.batch, a.place) < (%(before_at)s, %(before_chain)s::smallint, %(before_batch)s::bigint, %(before_place)s::integer))
  and (%(document)s::text is null or (a.type = 'DocumentReference' and a.id = %(document)s))
  and a.kind = any(%(kinds)s)
  and (%(leaving_out)s::text is null or a.reference is distinct from %(leaving_out)s or a.door like '%% %%')
  and (%(silent)s::text[] is null or a.actor not in (
    select s.actor from audit s
    where s.patients && array(select access_identities(%(patient)s)) and s.type || '/' || s.id = any(%(silent)s::text[])))
order by a.at desc, a.chain desc, a.batch desc, a.place desc
limit %(count)s

-- name: types_kept :many
-- The types that a profession does not read now.
select unnest(h.types) as rt from access_habilitation h where h.profession = %(profession)s

-- name: own_writes :many
-- What somebody wrote in these records since an instant, and in which transaction (its number modulo 2^32): the line of the trail and the version
-- are of the same. Clocks may differ by some minutes.
select a.type, a.id, a.xmin::text::bigint as write
from audit a
where a.reference = %(reference)s and a.at >= %(since)s::timestamptz - interval '15 minutes' and a.action in ('C', 'U', 'D')
  and a.patients && %(patients)s::uuid[]

-- name: audit_found :fragment
-- The lines that are wanted: each condition falls away where its value is null, as the statement is planned for its values.
(%(since)s::timestamptz is null or a.at >= %(since)s::timestamptz) and (%(until)s::timestamptz is null or a.at < %(until)s::timestamptz)
and (%(references)s::text[] is null or a.reference = any(%(references)s::text[]))
and (%(actors)s::text[] is null or a.actor = any(%(actors)s::text[]))
and (%(patients)s::uuid[] is null or a.patients && %(patients)s::uuid[])
and (%(kinds)s::text[] is null or a.kind = any(%(kinds)s::text[]))
and (%(actions)s::text[] is null or a.action = any(%(actions)s::text[]))
and (%(outcomes)s::text[] is null or a.outcome = any(%(outcomes)s::text[]))
and (%(purposes)s::text[] is null or a.purpose = any(%(purposes)s::text[]))
and (%(origins)s::text[] is null or a.origin = any(%(origins)s::text[]))
and (%(entities)s::text[] is null or a.type || '/' || a.id = any(%(entities)s::text[]))
and (%(sorts)s::text[] is null
     or case when a.type in ('sign-in', 'sign-out') then '110114' when a.action in ('R', 'E') and a.query like 'export%%' then '110106' else 'rest' end
        = any(%(sorts)s::text[]))
and (%(places)s::text[] is null
     or (a.chain, a.batch, a.place) in (select split_part(w, '-', 1)::smallint, split_part(w, '-', 2)::bigint, split_part(w, '-', 3)::integer
                                        from unnest(%(places)s::text[]) as w))
and (%(silent)s::text[] is null or a.actor not in (
       select s.actor from audit s where s.patients && %(patients)s::uuid[] and s.type || '/' || s.id = any(%(silent)s::text[])))
and (%(name)s::text is null or a.name ilike '%%' || %(name)s::text || '%%')

-- name: audit_search :many
-- A page of the lines that are wanted, newest first, after a cursor.
select a.* from audit a
where {found}
  and (%(before_at)s::timestamptz is null
       or (a.at, a.chain, a.batch, a.place)
          < (%(before_at)s::timestamptz, %(before_chain)s::smallint, %(before_batch)s::bigint, %(before_place)s::integer))
order by a.at desc, a.chain desc, a.batch desc, a.place desc
limit %(count)s

-- name: audit_count :one
-- How many lines are wanted.
select count(*) as lines from audit a where {found}

-- name: audit_identities :many
-- These records and those of the same persons.
select distinct i as patient from unnest(%(patients)s::uuid[]) as p, lateral access_identities(p) i order by 1

-- name: audit_patient_ids :many
-- The ids of Patients that are no UUIDs.
select id as key, body::json->>'id' as id from res where rt = %(rt)s and id = any(%(keys)s::uuid[])

-- name: audit_chain_heads :many
-- The last link of each chain, to be kept elsewhere: a cut tail can only be seen from outside.
select distinct on (chain) chain, n, encode(hash, 'hex') as hash from audit_batch order by chain, n desc

-- name: take_time :exec
-- The rest of this transaction may take as long as it takes (the whole trail is read), and texts come as they are stored.
select set_config('statement_timeout', '0', true), set_config('client_encoding', 'UTF8', true)

-- name: read_in_order :exec
-- Rows come in the order of the key, never sorted: what is sorted is as wide as the rows.
select set_config('enable_sort', 'off', true), set_config('work_mem', '32MB', true)

-- name: audit_chains :many
-- The chains, from and to which number their links go, and the first that is hashed as bytes; also chains of which rows alone are left.
with recursive of_rows(chain) as (
  (select chain from audit order by chain limit 1)
  union all
  select (select a.chain from audit a where a.chain > r.chain order by a.chain limit 1) from of_rows r where r.chain is not null
),
of_links as (
  select chain, min(n) as first, max(n) as last, min(n) filter (where form = 2) as turn from audit_batch group by chain
)
select chain, l.first, l.last, l.turn from of_links l full join (select chain from of_rows where chain is not null) r using (chain) order by chain

-- name: audit_judged_bytes :one
-- Links of a range that do not say what their rows and their predecessor say, and how much was read; rows as PostgreSQL sends them.
with lines as (
  select a.batch, count(*) as rows, string_agg(audit_bytes(a), ''::bytea order by a.place) as said
  from audit a where a.chain = %(chain)s::smallint and a.batch between %(low)s::bigint and %(high)s::bigint
  group by a.chain, a.batch
),
before as (
  select n, hash from audit_batch where chain = %(chain)s::smallint and n < %(low)s::bigint order by n desc limit 1
),
links as (
  select b.*, lag(b.n, 1, coalesce((select n from before), 0)) over w as last_n,
         lag(b.hash, 1, coalesce((select hash from before), ''::bytea)) over w as last_hash
  from audit_batch b where b.chain = %(chain)s::smallint and b.n between %(low)s::bigint and %(high)s::bigint window w as (order by b.chain, b.n)
),
judged as (
  select coalesce(b.n, l.batch) as n, l.rows, b.n is not null as linked,
         case
           when b.n is null then 'rows without a link'
           when b.n <> b.last_n + 1 then 'a link before this one is missing'
           when b.prev <> b.last_hash then 'does not follow the link before'
           when l.rows is distinct from b.rows::bigint then 'rows are missing or added'
           when b.form <> %(form)s then 'says another form than its neighbours'
           when b.hash <> sha256(b.prev || l.said) then 'a row was changed'
         end as fault
  from links b full join lines l on l.batch = b.n
)
select count(*) filter (where linked) as links, coalesce(sum(rows), 0)::bigint as entries,
       coalesce(jsonb_agg(jsonb_build_object('chain', %(chain)s::smallint, 'n', n, 'fault', fault) order by n) filter (where fault is not null),
                '[]') as faults
from judged

-- name: audit_judged_lines :one
-- The same of links that were made of lines of text, before `audit.origin`, which they do not hash: rows of theirs have none.
with lines as (
  select a.batch, count(*) as rows, string_agg(audit_line(a), E'\n' order by a.place) as said, bool_or(a.origin is not null) as beyond
  from audit a where a.chain = %(chain)s::smallint and a.batch between %(low)s::bigint and %(high)s::bigint
  group by a.chain, a.batch
),
before as (
  select n, hash from audit_batch where chain = %(chain)s::smallint and n < %(low)s::bigint order by n desc limit 1
),
links as (
  select b.*, lag(b.n, 1, coalesce((select n from before), 0)) over w as last_n,
         lag(b.hash, 1, coalesce((select hash from before), ''::bytea)) over w as last_hash
  from audit_batch b where b.chain = %(chain)s::smallint and b.n between %(low)s::bigint and %(high)s::bigint window w as (order by b.chain, b.n)
),
judged as (
  select coalesce(b.n, l.batch) as n, l.rows, b.n is not null as linked,
         case
           when b.n is null then 'rows without a link'
           when b.n <> b.last_n + 1 then 'a link before this one is missing'
           when b.prev <> b.last_hash then 'does not follow the link before'
           when l.rows is distinct from b.rows::bigint then 'rows are missing or added'
           when b.form <> %(form)s then 'says another form than its neighbours'
           when l.beyond or b.hash <> sha256(b.prev || convert_to(l.said, 'UTF8')) then 'a row was changed'
         end as fault
  from links b full join lines l on l.batch = b.n
)
select count(*) filter (where linked) as links, coalesce(sum(rows), 0)::bigint as entries,
       coalesce(jsonb_agg(jsonb_build_object('chain', %(chain)s::smallint, 'n', n, 'fault', fault) order by n) filter (where fault is not null),
                '[]') as faults
from judged

-- name: audit_heads_missing :many
-- The heads kept elsewhere that the chains no longer hold.
select k.chain, k.n, case when b.n is null then 'the end of the chain was cut' else 'is not the link that was kept outside' end as fault
from jsonb_to_recordset(%(kept)s::jsonb) as k(chain smallint, n bigint, hash text)
left join audit_batch b on b.chain = k.chain and b.n = k.n
where b.hash is distinct from decode(k.hash, 'hex')
order by 1, 2

-- name: note_check :exec
-- What a verification found.
insert into audit_check (at, seconds, entries, links, kept, broken, faults)
values (%(at)s, %(seconds)s, %(entries)s, %(links)s, %(kept)s, %(broken)s, %(faults)s)

-- name: last_check :one
-- The last verification of the whole trail.
select at, seconds, entries, links, kept, broken, faults from audit_check order by at desc, id desc limit 1

-- name: add_token :exec
-- A bearer token: of a machine, or of a person who let a software act for them (`delegation`).
insert into access_token (hash, actor, issued, expires, client, delegation)
values (%(hash)s, %(actor)s, %(now)s, %(expires)s, %(client)s, %(delegation)s)

-- name: token_row :one
-- What is behind a token that still counts.
select t.actor, t.issued, t.expires, t.client, t.delegation from access_token t
where t.hash = %(hash)s and t.revoked is null and t.expires > %(now)s
  and (t.delegation is null or exists (select from access_delegation d where d.id = t.delegation and access_stands(d, %(now)s)))

-- name: revoke_token :exec
-- The token ends now.
update access_token set revoked = %(now)s where hash = %(hash)s and revoked is null

-- name: revoke_tokens_of :exec
-- Every token of this actor ends now, and what software was let do for them.
with delegated as (
  update access_delegation set revoked = %(now)s where actor->>'id' = %(actor)s and revoked is null
)
update access_token set revoked = %(now)s where actor->>'id' = %(actor)s and revoked is null

-- name: revoke_tokens_of_client :exec
-- Every token of this software ends now, and what people let it do.
with delegated as (
  update access_delegation set revoked = %(now)s where client = %(client)s and revoked is null
)
update access_token set revoked = %(now)s where client = %(client)s and revoked is null

-- name: add_delegation :exec
-- A person said yes to a software.
insert into access_delegation (id, client, actor, session, since, used, ends)
values (%(id)s, %(client)s, %(actor)s, %(session)s, %(now)s, %(now)s, %(ends)s)

-- name: delegation :one
-- One that counts.
select d.id, d.client, d.actor, d.session, d.since, d.used, d.ends from access_delegation d where d.id = %(id)s and access_stands(d, %(now)s)

-- name: delegations_of :many
-- What this person lets software do now, the last said first. A software that never fetched what it asked for can do nothing.
select d.id, d.client, d.actor, d.session, d.since, d.used, d.ends from access_delegation d
where d.actor->>'id' = %(actor)s and access_stands(d, %(now)s)
  and (exists (select from access_token t where t.delegation = d.id) or exists (select from access_refresh r where r.delegation = d.id))
order by d.since desc, d.id limit 200

-- name: note_delegation :exec
-- It was used.
update access_delegation set used = %(now)s where id = %(id)s

-- name: revoke_delegation :value
-- It is taken back. `actor` and `client`: only where it is theirs; null for whoever's.
update access_delegation set revoked = %(now)s
where id = %(id)s and revoked is null and (%(actor)s::text is null or actor->>'id' = %(actor)s) and (%(client)s::text is null or client = %(client)s)
returning client

-- name: revoke_all_delegations :exec
-- What people let software do ends now, for all of them.
update access_delegation set revoked = %(now)s where revoked is null

-- name: revoke_delegations_of :exec
-- All that this person lets software do is taken back.
update access_delegation set revoked = %(now)s where actor->>'id' = %(actor)s and revoked is null

-- name: add_refresh :exec
-- A refresh token.
insert into access_refresh (hash, delegation, issued) values (%(hash)s, %(delegation)s, %(now)s)

-- name: refresh_row :one
-- A refresh token, used or not; whoever asks at the same time waits.
select r.delegation, r.used, d.client from access_refresh r join access_delegation d on d.id = r.delegation where r.hash = %(hash)s for update of r

-- name: refresh_person :value
-- Who acts by the delegation of a refresh token of this software.
select d.actor from access_refresh r join access_delegation d on d.id = r.delegation where r.hash = %(hash)s and d.client = %(client)s

-- name: refresh_client :value
-- The software that a refresh token is of.
select d.client from access_refresh r join access_delegation d on d.id = r.delegation where r.hash = %(hash)s

-- name: use_refresh :exec
-- It counts no more.
update access_refresh set used = %(now)s where hash = %(hash)s

-- name: forget_tokens :exec
-- Tokens and delegations that ended long ago.
with tokens as (delete from access_token where expires < %(before)s)
delete from access_delegation where ends < %(before)s

-- name: hold_emergencies :exec
-- One professional opens one record at a time: each counts those before.
select pg_advisory_xact_lock(hashtextextended('emergency|' || %(actor)s, 0))

-- name: emergencies_lately :value
-- How many records one professional opened in an emergency since an instant: for calls, or otherwise.
select count(*) from access_emergency where actor = %(actor)s and (reason = 'regulation') = %(calls)s and until > %(since)s and access_emergency.since > %(since)s

-- name: open_emergency :exec
-- A record is opened in an emergency.
insert into access_emergency (id, patient, record, actor, reference, name, roles, organizations, reason, words, since, until)
values (%(id)s, %(patient)s, %(record)s, %(actor)s, %(reference)s, %(name)s, %(roles)s, %(organizations)s, %(reason)s, %(words)s, %(since)s, %(until)s)

-- name: close_emergencies :exec
-- What one professional opened of a record ends now.
with closed as (
  update access_emergency set until = %(now)s where actor = %(actor)s and patient = %(patient)s and until > %(now)s returning id
)
update access_grant set until = %(now)s from closed where via = closed.id

-- name: emergency_until :value
-- Until when a professional has a record (or one linked to it) open in an emergency.
select max(m.until) from access_emergency m join access_grant g on g.via = m.id
where m.actor = %(actor)s and m.until > %(now)s and g.patient = %(patient)s

-- name: emergencies_of :many
-- Who opened the record of a person (any identity of theirs) in an emergency, newest first.
select id, record, reference, name, roles, organizations, reason, words, since, until, reviewed, reviewer, verdict, remark
from access_emergency
where patient = any(array(select access_identities(%(patient)s))) and since >= %(since)s
order by since desc limit 20

-- name: emergencies_waiting :many
-- Those that the officer has not reviewed, oldest first.
select id, record, reference, name, roles, organizations, reason, words, since, until, reviewed, reviewer, verdict, remark
from access_emergency
where reviewed is null
  and (%(before)s::uuid is null or (since, id) > (select b.since, b.id from access_emergency b where b.id = %(before)s::uuid))
order by since, id limit %(count)s

-- name: emergencies_reviewed :many
-- Those that were reviewed, newest first.
select id, record, reference, name, roles, organizations, reason, words, since, until, reviewed, reviewer, verdict, remark
from access_emergency
where reviewed is not null
  and (%(before)s::uuid is null or (since, id) < (select b.since, b.id from access_emergency b where b.id = %(before)s::uuid))
order by since desc, id desc limit %(count)s

-- name: review_emergency :exec
-- What the officer thinks of one.
update access_emergency set reviewed = %(now)s, reviewer = %(reviewer)s, verdict = %(verdict)s, remark = %(remark)s
where id = %(id)s and reviewed is null

-- name: emergency_refused :value
-- Whether the person said no, in advance, to emergencies or to this professional by name.
select exists (
  select from access_grant g
  where g.patient = %(patient)s and g.weight = 3 and g.since <= %(now)s and g.until > %(now)s
    and g.grantee = any(array(select %(emergency)s::uuid
                              union all
                              select %(oneself)s::uuid
                              union all
                              select m.acts_for from access_member m
                              where m.member = %(oneself)s::uuid and m.since <= %(now)s and m.until > %(now)s)))

-- name: only_in_emergency :value
-- Whether one of these records is open to a professional in an emergency, and would be closed to them, where they work now, without it.
select exists (
  select from unnest(%(patients)s::uuid[]) as wanted (patient)
  where exists (select from access_emergency m join access_grant g on g.via = m.id
                where m.actor = %(actor)s and m.until > %(now)s and g.patient = wanted.patient)
    and coalesce((
      select max(g.weight) & 1 from access_grant g
      where g.patient = wanted.patient and g.since <= %(now)s and g.until > %(now)s
        and g.grantee = any(array(select unnest(%(named)s::uuid[])
                                  union all
                                  select m.acts_for from access_member m
                                  where m.member = any(%(named)s::uuid[]) and m.since <= %(now)s and m.until > %(now)s))
        and not exists (select from access_emergency e where e.id = g.via)), 1) = 1)

-- name: closed_without_emergency :value
-- Whether a record would be closed to somebody without what they opened in an emergency.
select coalesce((
  select max(g.weight) & 1 from access_grant g
  where g.patient = %(patient)s and g.since <= %(now)s and g.until > %(now)s
    and g.grantee = any(array(select unnest(%(named)s::uuid[])
                              union all
                              select m.acts_for from access_member m
                              where m.member = any(%(named)s::uuid[]) and m.since <= %(now)s and m.until > %(now)s))
    and not exists (select from access_emergency e where e.id = g.via)), 1) = 1

-- name: matrix :many
-- Who reads which class.
select class, coalesce(array_agg(profession) filter (where reads), '{}') as readers, max(changed) as changed,
       (array_agg(changed_by order by changed desc nulls last))[1] as changed_by
from access_matrix group by class

-- name: change_matrix :exec
-- These professions read a class, and no others.
update access_matrix set reads = profession = any(%(readers)s), changed = %(now)s, changed_by = %(by)s where class = %(one)s

-- name: day_readings :many
-- Who read which record in a span, one row a pair: lines that touch few records, as opening one does and a list does not.
select a.reference, (array_agg(a.name order by a.at desc))[1] as name, (array_agg(to_json(a.roles) order by a.at desc))[1] as roles,
       (array_agg(to_json(a.organizations) order by a.at desc))[1] as organizations, p as patient, min(a.at) as since, max(a.at) as until,
       (array_agg(a.chain || '-' || a.batch || '-' || a.place order by a.at))[1:20] as lines
from audit a, unnest(a.patients) p
where a.at >= %(since)s and a.at < %(until)s and a.kind = 'professional' and a.outcome = '0' and a.reference is not null
  and cardinality(a.patients) <= 3
group by a.reference, p

-- name: day_hours :many
-- How many records each reader touched in each hour of a span, lists counted too, and how many of the hours' lines were by night.
select a.reference, (array_agg(a.name))[1] as name, (array_agg(to_json(a.roles)))[1] as roles, (array_agg(to_json(a.organizations)))[1] as organizations,
       date_trunc('hour', a.at) as hour, count(distinct p) as records, min(a.at) as since, max(a.at) as until,
       bool_or(extract(hour from a.at at time zone 'Europe/Paris') not between 6 and 21) as night,
       (array_agg(distinct a.chain || '-' || a.batch || '-' || a.place))[1:20] as lines
from audit a, unnest(a.patients) p
where a.at >= %(since)s and a.at < %(until)s and a.kind = 'professional' and a.outcome = '0' and a.reference is not null
group by a.reference, date_trunc('hour', a.at)

-- name: day_again :many
-- Openings in an emergency in a span, of records that the same professional had opened so within thirty days before.
select m.reference, m.name, to_json(m.roles) as roles, to_json(m.organizations) as organizations, m.record, m.patient, m.since, m.until,
       (select count(*) from access_emergency o
        where o.actor = m.actor and o.patient = m.patient and o.since <= m.since and o.since > m.since - interval '30 days') as times
from access_emergency m
where m.since >= %(since)s and m.since < %(until)s
  and exists (select from access_emergency o
              where o.actor = m.actor and o.patient = m.patient and o.since < m.since and o.since > m.since - interval '30 days')

-- name: ended_before :value
-- Whether somebody had a sight of a record that was no emergency and had ended by then.
select exists (
  select from access_grant g
  where g.patient = %(patient)s and g.grantee = %(grantee)s and g.weight = 0 and g.until <= %(at)s
    and not exists (select from access_emergency e where e.id = g.via))

-- name: traits_of :many
-- Names and addresses of these Patients or Practitioners.
select id as key, body::json->>'id' as id, body::json->'name' as names, body::json->'address' as addresses
from res where rt = %(rt)s and id = any(%(keys)s::uuid[])

-- name: professionals_of :many
-- The names of those who act for these organisations.
select o.dst as organization, p.body::json->'name' as names
from refs o
join refs w on w.src = o.src and w.p = %(practitioner)s
join res p on p.rt = %(rt)s and p.id = w.dst
where o.p = %(organization)s and o.dst = any(%(keys)s::uuid[])

-- name: birth_date_of :one
-- The birth date that a Patient says (which may be a year or a month); no row where there is none of this id.
select body::json->>'birthDate' as born from res where rt = %(rt)s and id = %(id)s and body <> ''

-- name: standing_of :one
-- Whether a person or a place of work is active, until when, and (of a place) who works there; no row where it is not there any more.
select (body::json->>'active')::boolean as active, body::json->'period'->>'end' as ends, body::json->'practitioner'->>'reference' as practitioner
from res where rt = %(rt)s and id = %(id)s and body <> ''

-- name: unannounced :many
-- Documents kept from their person until an instant that is not after one, soonest first: of an author, or of a person.
select distinct on (k.until, k.id) r.body::json->>'id' as document, k.until
from access_mask k join res r on r.rt = k.rt and r.id = k.id and r.body <> ''
where k.rt = 42 and k.audience = 'patient' and k.until < 'infinity'::timestamptz and k.until > %(now)s and k.until <= %(before)s
  and (%(author)s::uuid is null
       or k.authors && array(select %(author)s::uuid
                             union all
                             select m.acts_for from access_member m where m.member = %(author)s::uuid and m.since <= %(now)s and m.until > %(now)s))
  and (%(patient)s::uuid is null or r.patient = any(array(select access_identities(%(patient)s::uuid))))
order by k.until, k.id limit %(count)s

-- name: signed_among :many
-- Which of these resources somebody signed, asked for or was asked, themself or as who they act for.
select distinct a.rt, a.id from access_author a
where (a.rt, a.id) in (select rt, id from jsonb_to_recordset(%(wanted)s::jsonb) as w(rt smallint, id uuid))
  and a.author = any(array(select %(author)s::uuid
                           union all
                           select m.acts_for from access_member m where m.member = %(author)s::uuid and m.since <= %(now)s and m.until > %(now)s))

-- name: people_of :many
-- The Patients of one person that are there: key, id, when they say the person was born and died.
select r.id, substring(left(r.body, 200) from '"id":"([^"]+)"') as name, r.body::json->>'birthDate' as born,
       r.body::json->>'deceasedDateTime' as died
from access_identities(%(patient)s) i join res r on r.rt = %(rt)s and r.id = i and r.body <> ''
order by r.id <> %(patient)s, r.id

-- name: inventory :many
-- What these Patients' records hold, without contents: who wrote it, when it was, what it was written because of, what refers to it.
select x.rt, x.name, x.d0, x.d1, x.updated, x.author, x.ended,
  x.d1 > '9999-01-01' and x.d0 is not null as going_on,
  case when x.author = 'platform' then array(
    select access_told(d.body)
    from access_telling t join res d on d.rt = 42 and d.id = t.document where t.rt = x.rt and t.teller = x.id
    union select access_told(d.body) from refs f join res d on d.rt = f.dt and d.id = f.dst where x.rt = 111 and f.st = 111 and f.src = x.id and f.dt > 0 and d.patient is not null
  ) else '{}' end as about,
  case when x.author = 'person' then array(
    select distinct access_told(s.body) from refs f join res s on s.rt = f.st and s.id = f.src where f.dst = x.id and f.dt = x.rt
  ) else '{}' end as used_by
from (
  select r.rt, r.id, r.updated, r.d1, nullif(r.d0, '-infinity') as d0, substring(left(r.body, 200) from '"id":"([^"]+)"') as name,
    case
      when r.rt = 23 and b.body->'sender'->>'reference' = any(%(names)s) then 'person'
      when r.rt = 23 and b.body->'category' @> '[{"coding":[{"code":"notification"}]}]' then 'platform'
      when r.rt = 111 then 'platform'
      when r.rt = 113 and coalesce(b.body->'author', b.body->'source')->>'reference' = any(%(names)s) then 'person'
      when r.rt = 42 and (select bool_and(a->>'reference' = any(%(names)s)) from jsonb_array_elements(b.body->'author') as a) then 'person'
      when r.rt = 29 and b.body->'category' @> jsonb_build_array(jsonb_build_object('coding', jsonb_build_array(jsonb_build_object('system', %(choices)s::text)))) then 'choice'
      when r.rt = 114 and b.body->'extension' @> jsonb_build_array(jsonb_build_object('url', %(carer_scope)s::text))
        and not b.body->'extension' @> '[{"url":"urn:maillage:carer-authority"}]' then 'choice'
      else 'care'
    end as author,
    case r.rt when 29 then b.body->>'status' <> 'active' when 114 then coalesce(b.body->>'active', 'true') = 'false' else false end as ended
  from unnest(%(patients)s::uuid[]) as p(patient)
  join res r on r.patient = p.patient
  cross join lateral (select case when r.rt in (23, 29, 42, 113, 114) then r.body::jsonb end as body) b
) x
order by x.rt, x.d0, x.id

-- name: carried :many
-- The Binaries that resources of these Patients' records name in an attachment, in any version.
select distinct x.name, m[1] as binary
from (
  select access_told(r.body) as name, r.body as text from res r where r.patient = any(%(patients)s::uuid[]) and position('Binary/' in r.body) > 0
  union all
  select access_told(v.was), v.was from res r join ver v on v.rt = r.rt and v.id = r.id
  where r.patient = any(%(patients)s::uuid[]) and position('Binary/' in v.was) > 0
) x cross join lateral regexp_matches(x.text, 'Binary/([A-Za-z0-9.-]{1,64})', 'g') as m

-- name: binaries :many
-- Those of these Binaries (keys) that are there, and of nobody's record.
select access_told(body) as name, updated from res where rt = %(rt)s and id = any(%(ids)s::uuid[]) and patient is null

-- name: left_behind :value
-- How much the records of these Patients hold.
select count(*) from res where patient = any(%(patients)s::uuid[])

-- name: deleted_of :many
-- What was deleted from these Patients' records and of which the history is there.
select distinct on (v.rt, v.id) v.rt, v.at, substring(left(v.was, 200) from '"id":"([^"]+)"') as name
from ver v
where v.op = 'd' and v.patient = any(%(patients)s) and v.was is not null
  and not exists (select from res r where r.rt = v.rt and r.id = v.id)
order by v.rt, v.id, v.version desc

-- name: last_care :many
-- Of these Patients: who they are, their life, the last moment at which something was done for them (types `aside` are no care), and whether a stay goes on.
select r.id, substring(left(r.body, 200) from '"id":"([^"]+)"') as name, r.body::json->>'birthDate' as born,
       r.body::json->>'deceasedDateTime' as died, coalesce(c.last, r.updated) as last, coalesce(c.going_on, false) as going_on
from unnest(%(patients)s::uuid[]) as p(patient) join res r on r.rt = %(rt)s and r.id = p.patient and r.body <> ''
cross join lateral (
  select max(case when d.d1 < '9999-01-01' then d.d1 when d.d0 > '-infinity' then d.d0 else d.updated end) as last,
         bool_or(d.d1 >= '9999-01-01' and d.rt = any(%(stays)s::smallint[])) as going_on
  from access_identities(p.patient) i join res d on d.patient = i where d.rt <> all(%(aside)s::smallint[])
) c

-- name: next_records :many
-- The Patients behind one, in the order of their keys.
select id from res where rt = %(rt)s and id > %(after)s order by id limit %(count)s

-- name: forget_access :exec
-- Masks, tellings, signatures and whatever else is known of resources that are erased; of Patients (`patients`), what opened them; of people (`references`), what they came in by.
with gone as materialized (select * from json_to_recordset(%(gone)s::json) as g(rt smallint, id uuid, via uuid)),
unmasked as (delete from access_mask m using gone g where (m.rt = g.rt and m.id = g.id) or m.via = g.via),
told as (delete from access_telling t using gone g where t.rt = g.rt and t.teller = g.id),
telling as (delete from access_telling t using gone g where g.rt = 42 and t.document = g.id),
unsigned as (delete from access_author a using gone g where a.rt = g.rt and a.id = g.id),
closed as (delete from access_grant where patient = any(%(patients)s) or origin = any(%(patients)s)),
unlinked as (delete from access_link where patient = any(%(patients)s) or other = any(%(patients)s)),
tokens as (delete from access_token where actor->>'reference' = any(%(references)s)),
sessions as (delete from access_session where actor->>'reference' = any(%(references)s)),
delegations as (delete from access_delegation where actor->>'reference' = any(%(references)s))
update access_emergency set words = '', remark = '' where patient = any(%(patients)s)

-- name: note_unnamed :exec
-- Documents (digests) whose bytes nothing names any more.
insert into access_unnamed (sha256) select distinct unnest(%(digests)s::text[]) on conflict do nothing

-- name: unnamed :many
-- The next of them, held while they are removed.
select sha256 from access_unnamed order by sha256 limit %(count)s for update

-- name: forget_unnamed :exec
-- Their bytes are gone.
delete from access_unnamed where sha256 = any(%(digests)s)
