-- Full text: the words that resources are found by (docs/adr/0021-full-text.md).
-- verify: select count(*) = 1 from pg_class where relname = 'words' and relkind = 'r' and relnamespace = current_schema::regnamespace
-- verify: select count(*) = 2 from pg_index i join pg_class c on c.oid = i.indrelid where c.relname = 'words' and c.relnamespace = current_schema::regnamespace
-- verify: select to_tsvector('french_words', 'hospitalisations hopital 12') = $$'12':3 'hopital':2 'hospitalis':1$$::tsvector

-- Words come folded and without stop words (fhir/french.py): only their endings are left to be taken off.
create text search dictionary french_endings (template = snowball, language = french);
create text search configuration french_words (parser = "default");
alter text search configuration french_words add mapping for asciiword, word, numword with french_endings;
alter text search configuration french_words add mapping for int, uint, float, sfloat with simple;

-- One row for each resource that has words. Those of its narrative have the weight A; `'=number'` is the type.
create table words (
  rt int2 not null,
  id uuid not null,
  patient uuid,
  shard uuid not null,                -- the patient, else the id
  words tsvector not null
);
create index words_row on words (id);
-- New words wait in a short list that each search reads: entering them one by one would double the cost of a write.
create index words_found on words using gin (words) with (fastupdate = on, gin_pending_list_limit = 1024);

alter table words set (autovacuum_analyze_scale_factor = 0.05, autovacuum_analyze_threshold = 1000);
