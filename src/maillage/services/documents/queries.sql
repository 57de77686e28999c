-- name: claim :one
-- Takes a unique id for these bytes, or says who has it; waits for whoever is taking it now.
insert into documents_identity as held (unique_id, document, sha256, custodian)
values (%(unique_id)s, %(document)s, %(sha256)s, %(custodian)s)
on conflict (unique_id) do update set
  document = coalesce(held.document, excluded.document),
  sha256 = coalesce(held.sha256, excluded.sha256),
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
