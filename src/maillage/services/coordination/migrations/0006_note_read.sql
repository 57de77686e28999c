-- Who said that they have read which note of the liaison notebook, and when (docs/adr/0053-the-notebook-of-all-who-help.md).
-- verify: select to_regclass('coordination_note_read') is not null
create table coordination_note_read (
  patient text not null, -- id of the Patient of the record
  note text not null, -- id of the DocumentReference
  reader text not null, -- the actor's own reference, whatever the place they work in: nobody is there twice
  name text not null, -- as it stood when they read
  at timestamptz not null,
  written timestamptz not null, -- when the version that they read was written: one that was corrected since is not read
  primary key (patient, note, reader)
);
