-- Until when somebody says that they have seen a record: « depuis votre visite » (docs/adr/0042-since-your-visit.md).
-- verify: select to_regclass('coordination_seen') is not null
create table coordination_seen (
  reader text not null, -- the actor's own reference
  patient text not null, -- id of the Patient of the record
  at timestamptz not null, -- the place in the log up to which it was seen
  horizon text not null, -- the oldest transaction that was under way there
  before_at timestamptz, -- the place before, to take « vu » back
  before_horizon text,
  primary key (reader, patient)
);
