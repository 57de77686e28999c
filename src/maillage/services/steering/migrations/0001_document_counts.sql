-- verify: select to_regclass('steering_document') is not null
-- verify: select count(*) = 1 from pg_indexes where tablename = 'steering_document' and indexname = 'steering_document_day'
-- One row per document, so that a fact told twice counts once. No patient, no author, no content.
create table steering_document (
  document text primary key,
  day date not null,
  type text not null,
  organization text not null, -- id of the Organization, empty when the sender is not in the directory
  qualified boolean not null, -- it carried an INS, and who it is about is certain
  replacement boolean not null
);
create index steering_document_day on steering_document (day) include (type, organization, qualified, replacement);
