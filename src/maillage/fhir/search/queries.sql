-- name: commons :many
-- What the statistics say of the store: how many rows there are and of which types, and which values of texts are the most common among them.
select greatest(c.reltuples, 0)::float8 as rows, s.attname as attribute, s.null_frac::float8 as without,
       coalesce(s.most_common_vals::text::text[], s.most_common_elems::text::text[]) as values,
       coalesce(s.most_common_freqs, s.most_common_elem_freqs)::float8[] as shares
from pg_class c join pg_stats s on s.schemaname = current_schema and s.tablename = c.relname
where c.oid = 'res'::regclass and s.attname in ('rt', 'str')
