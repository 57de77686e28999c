-- name: count_documents :exec
-- Counts documents, each once; a document told again keeps its day and takes the certainty that it has now.
insert into steering_document as held (document, day, type, organization, qualified, replacement)
select document, day, type, organization, qualified, replacement
from json_to_recordset(%(tallies)s::json)
  as told(document text, day date, type text, organization text, qualified boolean, replacement boolean)
on conflict (document) do update set qualified = excluded.qualified where held.qualified <> excluded.qualified

-- name: by_day :many
-- First versions received each day, and those with a qualified INS.
select day, count(*)::int as documents, (count(*) filter (where qualified))::int as qualified
from steering_document
where day between %(first)s and %(last)s and not replacement and (%(organization)s = '' or organization = %(organization)s)
group by day order by day

-- name: by_type :many
-- First versions received of each type.
select type as key, count(*)::int as documents, (count(*) filter (where qualified))::int as qualified
from steering_document
where day between %(first)s and %(last)s and not replacement and (%(organization)s = '' or organization = %(organization)s)
group by type order by documents desc, type

-- name: by_organization :many
-- First versions received from each establishment.
select organization as key, count(*)::int as documents, (count(*) filter (where qualified))::int as qualified
from steering_document
where day between %(first)s and %(last)s and not replacement
group by organization order by documents desc, organization

-- name: replacements :value
-- Documents received that replace another.
select count(*)::int from steering_document
where day between %(first)s and %(last)s and replacement and (%(organization)s = '' or organization = %(organization)s)

-- name: months :many
-- The months in which something was counted, the newest first.
select distinct date_trunc('month', day)::date as month from steering_document order by month desc limit 24

-- name: forget :exec
-- A document that is erased goes on being counted, under a name that leads to nothing.
update steering_document set document = gen_random_uuid()::text where document = any(%(documents)s::text[])
