-- Documents of which somebody was reminded that they wait to be announced: once each.
-- verify: select to_regclass('document_reminded') is not null
create table document_reminded (
  document text primary key,
  at timestamptz not null
);
