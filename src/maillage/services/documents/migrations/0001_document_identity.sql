-- verify: select to_regclass('documents_identity') is not null
-- verify: select count(*) = 1 from pg_indexes where tablename = 'documents_identity' and indexname = 'documents_identity_document'
-- A document's unique id is given once: this table makes it true whatever arrives at the same time. A row without a document is a
-- document that another one replaces and that has not been received (yet).
create table documents_identity (
  unique_id text primary key,
  document text,
  sha256 text check (sha256 ~ '^[0-9a-f]{64}$'),
  custodian text,
  replaced_by text,
  withdrawn boolean not null default false,
  check (document is null = (sha256 is null))
);
create unique index documents_identity_document on documents_identity (document) where document is not null;
