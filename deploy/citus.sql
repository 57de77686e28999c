-- Distributes the tables of a migrated installation over the nodes of a Citus cluster: by patient, never by type (docs/adr/0020-growth.md).
-- With `create extension citus` on every node, the nodes added and the platform stopped, on the coordinator:
--     psql -v ON_ERROR_STOP=1 -1 -f deploy/citus.sql
-- This has not been run on Citus, which cannot be installed where Maillage is built; tests/db/test_db_shards.py holds every key to what
-- Citus asks of it. The statements that must change before the platform runs on several nodes are listed in the ADR.

-- Rows that a process of the version before wrote while 0003_shard was being applied.
update res set shard = coalesce(patient, id) where shard <> coalesce(patient, id);
update hot set shard = coalesce(patient, id) where shard <> coalesce(patient, id);
update refs f set shard = r.shard from res r where r.rt = f.st and r.id = f.src and f.shard <> r.shard;
update amount a set shard = r.shard from res r where r.rt = a.rt and r.id = a.id and a.shard <> r.shard;

-- From here on a wrong shard is a lost row.
alter table res alter column shard drop default, add constraint res_shard check (shard = coalesce(patient, id));
alter table hot alter column shard drop default, add constraint hot_shard check (shard = coalesce(patient, id));
alter table words add constraint words_shard check (shard = coalesce(patient, id));
alter table refs alter column shard drop default;
alter table amount alter column shard drop default;

-- A patient's record and who may see it stand together.
select create_distributed_table('res', 'shard', colocate_with => 'none');
select create_distributed_table('hot', 'shard', colocate_with => 'res');
select create_distributed_table('refs', 'shard', colocate_with => 'res');
select create_distributed_table('amount', 'shard', colocate_with => 'res');
select create_distributed_table('words', 'shard', colocate_with => 'res');
select create_distributed_table('access_grant', 'patient', colocate_with => 'res');
select create_distributed_table('access_author', 'patient', colocate_with => 'res');

-- The log stands by the id of the resource, whoever's record it moves to: its key is what makes (type, id) unique over all nodes, and
-- its last row tells in whose record the resource is.
select create_distributed_table('ver', 'id', colocate_with => 'none');

-- Small, and asked with every row: on each node.
select create_reference_table('access_member');
select create_reference_table('access_mask');
select create_reference_table('access_link');
select create_reference_table('access_habilitation');
select create_reference_table('access_carer');

-- What stays on the coordinator, as it is.
-- local indexing: one row
-- local access_emergency: one row an opening; its sight is in access_grant
-- local access_class: read where the matrix is edited; what a row asks is in access_habilitation
-- local access_matrix: as access_class
-- local access_telling: one row a notice or task, read by writes only
-- local access_token: a secret, no patient; looked up by its hash before anything is known
-- local access_delegation: as access_token
-- local access_refresh: as access_token
-- local software: no patient
-- local software_code: a secret, for a minute
-- local software_launch: as software_code
-- local software_assertion: no patient
-- local access_session: as access_token
-- local access_device: no patient
-- local audit: hash-chained in the order of one server; a row may be about several patients
-- local audit_batch: the links of those chains
-- local audit_check: one row a night
-- local audit_secret: one row
-- local rights_unusual: found in the trail, which is on one node
-- local rights_reader: as rights_unusual
-- local rights_day: one row a day
-- local document_reminded: one row a document that waited to be announced
-- local rights_request: one row a request, read by record and by the officer
-- local rights_erased: one row a resource that was erased
-- local rights_retention: one row a record whose retention ended, read by the officer
-- local rights_retention_place: one row
-- local access_unnamed: digests, for the moment between an erasure and the removal of bytes
-- local rights_guardian: one row a legal representative, read by the officer
-- local event: read in the order of one server's transactions
-- local reaction_cursor: places in that order
-- local dead_letter: events of that order
-- local worker_heartbeat: no patient
-- local job_done: no patient
-- local procrastinate_jobs: one queue, under locks of one server
-- local procrastinate_events: as procrastinate_jobs
-- local procrastinate_periodic_defers: as procrastinate_jobs
-- local procrastinate_workers: as procrastinate_jobs
-- local identity_person: an INS is held by one record among all patients, so that its key cannot hold a patient
-- local identity_identifier: found by the identifier, before a patient is known
-- local identity_case: refers to identity_person
-- local documents_identity: a document's unique id is given once among all patients
-- local exchange_message: an accepted message is known once, before its patient is
-- local exchange_quarantine: what has no patient yet
-- local exchange_attempt: refers to exchange_quarantine
-- local messaging_mail: one row a recipient
-- local coordination_seen: one row a reader and record, read for one page
-- local messaging_quiet: one row a person
-- local messaging_push: one row a browser of a person
-- local messaging_read: one row a reader and conversation, read for one page
-- local coordination_note_read: one row a reader and note, read for one page
-- local coordination_absence: one row an absence of a professional, no patient
-- local coordination_invitation: its link is found before the patient is known
-- local coordination_booking: one row an appointment and professional, no patient
-- local coordination_view: a few rows a professional, no patient
-- local portal_read: one row a reader and document, read for one page
-- local steering_document: counters, no patient
-- local sign_in_attempt: no patient; lasts minutes
-- local sign_in_push: no patient; lasts minutes
-- local form_sent: digests and addresses of pages; lasts days
-- local account: no patient
-- local account_link: refers to account
-- local account_passkey: refers to account
-- local account_recovery: refers to account
-- local account_challenge: no patient; lasts minutes
-- local account_try: no patient; lasts a day
-- local migration: what was applied
