-- name: name_role :exec
-- Whom the next statement is about: a DO block takes no parameters.
select set_config('maillage.role', %(role)s, true)

-- name: grant_runtime :exec
-- What the processes need and no more: rows are read and written, no table, function or trigger is made, changed or dropped; the trail is only added to.
do $$
declare
  role text := current_setting('maillage.role');
  kept text;
begin
  if exists (select from pg_roles where rolname = role and (rolsuper or rolcreaterole or rolcreatedb or rolbypassrls or rolreplication)) then
    raise exception 'the role %% may more than read and write rows', role using errcode = 'invalid_grant_operation';
  end if;
  if pg_has_role(role, current_user, 'member') then
    raise exception 'the role %% is a member of the owner %%', role, current_user using errcode = 'invalid_grant_operation';
  end if;
  execute format('revoke create on schema %%I from public', current_schema);
  execute format('revoke create on schema %%I from %%I', current_schema, role);
  execute format('grant usage on schema %%I to %%I', current_schema, role);
  execute format('grant select, insert, update, delete on all tables in schema %%I to %%I', current_schema, role);
  execute format('revoke truncate, references, trigger on all tables in schema %%I from %%I', current_schema, role);
  execute format('grant usage, select on all sequences in schema %%I to %%I', current_schema, role);
  execute format('grant execute on all functions in schema %%I to %%I', current_schema, role);
  foreach kept in array array['audit', 'audit_batch', 'audit_check'] loop
    execute format('revoke update, delete on %%I from %%I', kept, role);
  end loop;
  execute format('revoke insert, update, delete on migration from %%I', role);
end
$$

-- name: beyond :many
-- What the role that asks may do that the processes need not: each as "privilege of what".
select format('%%s of %%s', privilege, what) as held
from (
  select 'ownership' as privilege, c.relname as what, 1 as place
  from pg_class c where c.relnamespace = current_schema::regnamespace and c.relkind in ('r', 'p') and pg_has_role(c.relowner, 'member')
  union all
  select 'create', current_schema, 2 where has_schema_privilege(current_schema, 'create')
  union all
  select p, t, 3 from unnest(array['audit', 'audit_batch', 'audit_check', 'migration']) t, unnest(array['update', 'delete', 'truncate']) p
  where has_table_privilege(t, p)
  union all
  select 'superuser', rolname, 0 from pg_roles where rolname = current_user and rolsuper
) held order by place, what limit 5
