-- Events are written by a function, so that other statements can end with them.
-- verify: select count(*) = 1 from pg_proc where proname = 'event_record'

-- In the order of the array, [{"kind", "payload"}…], and one notice for each kind.
create function event_record(told jsonb) returns void language plpgsql as $$
begin
  insert into event (kind, payload)
  select e->>'kind', e->'payload' from jsonb_array_elements(told) with ordinality as x(e, place) order by place;
  perform pg_notify('maillage_event', kind) from (select distinct e->>'kind' as kind from jsonb_array_elements(told) as x(e)) as kinds;
end
$$;
