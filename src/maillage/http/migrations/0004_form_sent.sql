-- Forms that were carried out: what came back, for who sends one again because the answer was lost.
-- verify: select to_regclass('form_sent') is not null

-- digest is SHA-256 of the form's own random key, of who sent it, where and what: nothing can be told from it. go_to is the address that the
-- first sending led to, empty until it is known; the row is written in the transaction of the act itself.
create table form_sent (
  digest bytea primary key,
  go_to text not null,
  expires timestamptz not null
);
create index form_sent_to_clean on form_sent (expires);
