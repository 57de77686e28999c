-- What a carer may see: by the scope that their RelatedPerson says (docs/adr/0034-carers-and-requests.md).
-- verify: select count(*) = 4 from access_carer

-- A carer stands in access_member for the scope (`key`), as long as their RelatedPerson says so. types and audiences are what the scope keeps from them.
create table access_carer (
  scope text primary key,
  key uuid not null unique,
  types smallint[] not null,
  audiences text[] not null
);
insert into access_carer (scope, key, types, audiences) values
  ('agenda', access_name('carer/agenda'), '{1,2,3,4,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39,40,41,42,43,44,45,46,47,48,49,50,51,52,53,54,55,56,57,58,59,60,61,62,63,64,65,66,67,68,69,70,71,72,73,74,75,76,77,78,79,80,81,82,83,84,85,86,87,88,89,90,91,92,93,94,95,96,97,98,99,100,101,102,104,105,106,107,108,109,110,111,112,113,115,116,117,118,119,120,121,122,123,124,125,126,127,128,129,130,131,132,133,134,135,136,137,138,139,140,141,142,143,144,145,146}', '{class:administrative,class:biology,class:care-plan,class:circle,class:clinical,class:coordination,class:dispensation,class:genetics,class:identity,class:imaging,class:letter,class:patient,class:prescription,class:psychiatry,class:reimbursement,class:report,class:social,class:summary,class:treatment,class:unsorted,class:vaccination,class:wishes}'),
  ('follow', access_name('carer/follow'), '{1,2,3,4,7,8,10,11,12,13,16,17,18,19,20,21,22,24,25,27,28,29,30,31,32,33,34,35,36,37,38,39,40,41,43,44,45,46,47,49,50,51,52,53,54,55,57,58,59,60,61,62,63,64,65,66,67,68,69,70,71,72,73,74,75,76,77,78,79,80,81,82,83,84,85,86,87,88,89,90,91,92,93,94,95,96,97,98,99,100,101,102,104,105,106,107,108,109,110,111,112,113,116,117,118,119,120,121,122,123,125,126,127,128,129,130,131,132,133,134,135,136,137,138,139,141,142,143,144,145,146}', '{class:administrative,class:biology,class:circle,class:clinical,class:coordination,class:dispensation,class:genetics,class:identity,class:imaging,class:letter,class:patient,class:prescription,class:psychiatry,class:reimbursement,class:report,class:social,class:summary,class:treatment,class:unsorted,class:vaccination,class:wishes}'),
  ('whole', access_name('carer/whole'), '{29}', '{}'),
  ('representative', access_name('carer/representative'), '{}', '{}');

-- Who was named before scopes were said opens nothing until somebody says what they may see.
delete from access_grant g using res r where r.rt = 114 and r.body <> '' and g.via = access_name('RelatedPerson/' || (r.body::jsonb ->> 'id'));
