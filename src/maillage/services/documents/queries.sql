-- name: claim :one
-- Takes a unique id for these bytes, or says who has it; waits for whoever is taking it now. One that was withdrawn, or erased (no document), is never taken again.
insert into documents_identity as held (unique_id, document, sha256, custodian)
values (%(unique_id)s, %(document)s, %(sha256)s, %(custodian)s)
on conflict (unique_id) do update set
  document = case when held.withdrawn then held.document else coalesce(held.document, excluded.document) end,
  sha256 = case when held.withdrawn then held.sha256 else coalesce(held.sha256, excluded.sha256) end,
  custodian = coalesce(held.custodian, excluded.custodian)
returning unique_id, document, sha256, custodian, replaced_by, withdrawn

-- name: supersede :many
-- Notes that documents are replaced by another, received or not; answers what is known of each.
insert into documents_identity as held (unique_id, replaced_by)
select named, %(by)s from unnest(%(unique_ids)s::text[]) as named
on conflict (unique_id) do update set replaced_by = coalesce(held.replaced_by, excluded.replaced_by)
returning unique_id, document, sha256, custodian, replaced_by, withdrawn

-- name: known :one
-- What is held under a unique id; the row is locked for the withdrawal that follows.
select unique_id, document, sha256, custodian, replaced_by, withdrawn from documents_identity
where unique_id = %(unique_id)s and document is not null
for update

-- name: of_document :one
-- The unique id of a record of ours and the digest of its original.
select unique_id, document, sha256, custodian, replaced_by, withdrawn from documents_identity where document = %(document)s

-- name: withdraw :exec
-- The author withdrew this document.
update documents_identity set withdrawn = true where document = %(document)s

-- name: remind :many
-- Those of these documents of which nobody was reminded yet; they are from now on.
insert into document_reminded (document, at) select unnest(%(documents)s::text[]), %(now)s on conflict do nothing returning document

-- name: forget :many
-- Documents that are erased: the unique id alone stays, as withdrawn, so that the same document is not received again. Answers the digests that no other has.
with gone as materialized (select unique_id, document, sha256 from documents_identity where document = any(%(documents)s::text[]) for update),
reminded as (delete from document_reminded where document = any(%(documents)s::text[])),
blank as (update documents_identity d set document = null, sha256 = null, custodian = null, withdrawn = true from gone g where d.unique_id = g.unique_id)
select distinct g.sha256 from gone g
where not exists (select from documents_identity o where o.sha256 = g.sha256 and o.unique_id not in (select unique_id from gone))
