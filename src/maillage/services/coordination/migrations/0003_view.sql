-- Views of the caseload that somebody named, and the one on which it opens.
-- verify: select to_regclass('coordination_view') is not null
create table coordination_view (
  owner text not null, -- the actor's own reference
  name text not null check (length(name) between 1 and 60),
  query text not null, -- the filters, as they stand in the address
  opens boolean not null default false,
  primary key (owner, name)
);
