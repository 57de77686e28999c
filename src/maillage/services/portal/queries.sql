-- name: mark_read :exec
-- This reader says that they have read a document; again changes nothing.
insert into portal_read (reader, document, at) values (%(reader)s, %(document)s, %(at)s)
on conflict (reader, document) do nothing

-- name: take_back :exec
-- This reader wants the document among those to read again.
delete from portal_read where reader = %(reader)s and document = %(document)s

-- name: read_by :many
-- Which of these documents this reader has marked as read, and when.
select document, at from portal_read where reader = %(reader)s and document = any(%(documents)s)

-- name: forget :exec
-- Marks about documents that are erased, and of readers who are.
delete from portal_read where document = any(%(documents)s::text[]) or reader = any(%(readers)s::text[])
