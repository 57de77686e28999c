-- What waits to be announced to the person, found by when it opens to them (CSP R1111-53).
-- verify: select to_regclass('access_mask_unannounced') is not null
create index access_mask_unannounced on access_mask (until) where rt = 42 and audience = 'patient' and until < 'infinity'::timestamptz;
