-- What belongs to a stay that is kept secret from legal representatives is kept from them with it (docs/adr/0034-carers-and-requests.md).
-- verify: select count(*) = 1 from pg_proc where proname = 'access_keep'

-- `below`: resources that were written now and the stay that each names. `stays`: stays about which something was said now: all that refers to them.
-- A row of access_mask says by which record (via) a stay is kept; what belongs to it has the same, and is opened with it. Who marks a stay waits for
-- those who write below it, and they for them: neither misses the other.
create function access_keep(below jsonb, stays uuid[]) returns void language plpgsql as $$
begin
  perform pg_advisory_xact_lock(hashtextextended(stay::text, 44)) from (select unnest(stays) as stay order by 1) as s;
  perform pg_advisory_xact_lock_shared(hashtextextended(stay::text, 44))
  from (select distinct stay from jsonb_to_recordset(below) as b(stay uuid) where stay <> all(stays) order by 1) as s;
  insert into access_mask (rt, id, audience, authors, via, until)
  with under as (
    select b.rt, b.id, b.stay from jsonb_to_recordset(below) as b(rt smallint, id uuid, stay uuid)
    union
    select f.st, f.src, f.dst from refs f where f.dt = 44 and f.dst = any(stays)
  ),
  told as (select t.rt, t.teller as id, u.stay from under u join access_telling t on u.rt = 42 and t.document = u.id)
  select x.rt, x.id, m.audience, m.authors, m.via, m.until
  from (select * from under union select * from told) as x join access_mask m on m.rt = 44 and m.id = x.stay and m.audience = 'carer'
  where (x.rt, x.id) <> (44, x.stay)
  on conflict do nothing;
end
$$;
