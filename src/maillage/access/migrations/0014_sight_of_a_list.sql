-- What is said about the people of a list is read from the index alone: of one team they stand side by side there, however many others there are.
-- verify: select count(*) = 5 from pg_attribute where attrelid = to_regclass('access_grant_of_grantee')
drop index access_grant_of_grantee;
create index access_grant_of_grantee on access_grant (grantee, patient) include (since, until, weight);
