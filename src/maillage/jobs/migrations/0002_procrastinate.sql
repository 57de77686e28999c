-- The queue of tasks: procrastinate's own schema (MIT licence), read from the installed package, as of its version 3.10. First part.
-- verify: select to_regclass('procrastinate_jobs') is not null
-- verify: select count(*) = 1 from pg_enum where enumtypid = 'procrastinate_job_status'::regtype and enumlabel = 'aborting'

-- include: procrastinate/sql/migrations/00.00.00_01_initial.sql
-- include: procrastinate/sql/migrations/00.05.00_01_drop_started_at_column.sql
-- include: procrastinate/sql/migrations/00.05.00_02_drop_started_at_column.sql
-- include: procrastinate/sql/migrations/00.05.00_03_drop_procrastinate_version_table.sql
-- include: procrastinate/sql/migrations/00.06.00_01_fix_procrastinate_fetch_job.sql
-- include: procrastinate/sql/migrations/00.07.01_01_fix_trigger_status_events_insert.sql
-- include: procrastinate/sql/migrations/00.08.01_01_add_queueing_lock_column.sql
-- include: procrastinate/sql/migrations/00.10.00_01_close_fetch_job_race_condition.sql
-- include: procrastinate/sql/migrations/00.10.00_02_add_defer_job_function.sql
-- include: procrastinate/sql/migrations/00.11.00_03_add_procrastinate_periodic_defers.sql
-- include: procrastinate/sql/migrations/00.12.00_01_add_foreign_key_index.sql
-- include: procrastinate/sql/migrations/00.14.00_01_add_locks_to_periodic_defer.sql
-- include: procrastinate/sql/migrations/00.15.02_01_fix_procrastinate_defer_periodic_job.sql
-- include: procrastinate/sql/migrations/00.16.00_01_add_finish_job_and_retry_job_functions.sql
-- include: procrastinate/sql/migrations/00.17.00_01_add_trigger_on_job_deletion.sql
-- include: procrastinate/sql/migrations/00.17.00_02_delete_finished_jobs.sql
-- include: procrastinate/sql/migrations/00.17.00_03_add_checks_to_finish_job.sql
-- include: procrastinate/sql/migrations/00.17.00_04_add_checks_to_retry_job.sql
-- include: procrastinate/sql/migrations/00.18.01_01_fix_finish_job_compat_issue.sql
-- include: procrastinate/sql/migrations/00.19.00_01_add_index_on_procrastinate_jobs.sql
-- include: procrastinate/sql/migrations/00.22.00_01_add_kwargs_to_defer_periodic_job.sql
-- include: procrastinate/sql/migrations/00.23.00_01_null_locks_excluded.sql
-- include: procrastinate/sql/migrations/01.00.00_01_remove_old_finish_job_function.sql
-- include: procrastinate/sql/migrations/01.01.01_01_job_id_bigint.sql
-- include: procrastinate/sql/migrations/02.00.03_01_add_job_priority.sql
-- include: procrastinate/sql/migrations/02.05.00_01_add_periodic_job_priority.sql

-- What 02.06.00_01 adds to the types: PostgreSQL 16 lets nobody use a new value of an enum before it is committed.
alter type procrastinate_job_status add value 'cancelled';
alter type procrastinate_job_status add value 'aborting';
alter type procrastinate_job_status add value 'aborted';
alter type procrastinate_job_event_type add value 'abort_requested' before 'scheduled';
alter type procrastinate_job_event_type add value 'aborted' before 'scheduled';
