// @medplum/core against a server: node medplum.mjs BASE TOKEN. Prints what it got as one line of JSON.
import { MedplumClient } from '@medplum/core';

const [base, accessToken] = process.argv.slice(2);
const client = new MedplumClient({ baseUrl: base.replace(/fhir$/, ''), fhirUrlPath: 'fhir', accessToken, cacheTime: 0 });
const patient = await client.createResource({ resourceType: 'Patient', name: [{ family: 'Pat-Trois' }], birthDate: '1950-02-03' });
const observation = (day) => ({
  resourceType: 'Observation',
  status: 'final',
  code: { coding: [{ system: 'http://loinc.org', code: '8867-4' }] },
  subject: { reference: `Patient/${patient.id}` },
  effectiveDateTime: `2024-03-0${day}`,
});
const done = await client.executeBatch({
  resourceType: 'Bundle',
  type: 'batch',
  entry: [1, 2, 3].map((day) => ({ request: { method: 'POST', url: 'Observation' }, resource: observation(day) })),
});
const found = await client.searchResources('Observation', { patient: patient.id, _sort: '-date' });
const pages = [];
for await (const page of client.searchResourcePages('Observation', { patient: patient.id, _sort: '-date', _count: 2 })) {
  pages.push(page.map((one) => one.effectiveDateTime.slice(-1)));
}
const updated = await client.updateResource({ ...patient, gender: 'female' });
const patched = await client.patchResource('Patient', patient.id, [{ op: 'replace', path: '/gender', value: 'male' }]);
const read = await client.readResource('Patient', patient.id);
const identifier = [{ system: 'urn:test', value: '1' }];
const once = await client.createResourceIfNoneExist({ resourceType: 'Organization', name: 'CH', identifier }, 'identifier=urn:test|1');
const twice = await client.createResourceIfNoneExist({ resourceType: 'Organization', name: 'CH', identifier }, 'identifier=urn:test|1');
const history = await client.readHistory('Patient', patient.id);
const whole = await client.readPatientEverything(patient.id);
const valid = await client.validateResource({ resourceType: 'Patient', gender: 'of the east' }).catch((fault) => fault.outcome);
let refused;
try {
  await client.createResource({ resourceType: 'Patient', birthDate: '2023-02-30' });
} catch (fault) {
  refused = fault.outcome?.issue?.[0]?.expression?.[0];
}
await client.deleteResource('Observation', found[0].id);
console.log(JSON.stringify({
  done: done.entry.map((one) => one.response.status.slice(0, 3)),
  found: found.map((one) => one.effectiveDateTime.slice(-1)),
  pages,
  genders: [updated.gender, patched.gender, read.gender],
  same: once.id === twice.id,
  history: history.entry.length,
  whole: whole.entry.length,
  valid: valid.issue.map((one) => one.expression?.[0]),
  refused,
}));
