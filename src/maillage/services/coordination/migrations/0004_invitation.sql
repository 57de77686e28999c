-- Invitations into a care circle by a link in a letter (docs/adr/0049-invitations.md).
-- verify: select to_regclass('coordination_invitation') is not null
create table coordination_invitation (
  id uuid primary key,
  patient text not null, -- id of the Patient
  email text not null, -- where the link goes
  rpps text, -- the number that whoever invites gave
  invited text, -- "Practitioner/3": who alone may open it, once that is known
  part text not null, -- what they are in the circle, a code of `resources/circle.py`; "" where nothing is said
  until date, -- their last day in the circle
  inviter text not null, -- "Practitioner/4"
  inviter_name text not null,
  hash bytea unique, -- SHA-256 of the link's secret; null once it is of no use
  created timestamptz not null,
  expires timestamptz not null,
  state text not null check (state in ('sent', 'undelivered', 'opened', 'accepted', 'joined', 'revoked')),
  opener text, -- "Practitioner/5" and "PractitionerRole/6": who opened it
  opener_role text,
  opener_name text,
  moved timestamptz not null,
  moved_by text not null
);
create index coordination_invitation_patient on coordination_invitation (patient, created);
