-- verify: select to_regclass('portal_read') is not null
create table portal_read (
  reader text not null, -- the actor's own reference: Patient/… or RelatedPerson/…
  document text not null, -- id of the DocumentReference
  at timestamptz not null,
  primary key (reader, document)
);
