-- What money and rights concern can be kept from those who care (docs/adr/0048-life-in-a-record.md).
-- verify: select count(*) = 1 from pg_constraint where conrelid = 'access_mask'::regclass and contype = 'c' and pg_get_constraintdef(oid) like '%''care''%'

alter table access_mask drop constraint access_mask_audience_check,
  add check (audience in ('patient', 'carer', 'professional', 'coordination', 'care') or audience like 'class:%');
