// fhir-kit-client against a server: node fhir_kit.mjs BASE TOKEN. Prints what it got as one line of JSON.
import { Client } from 'fhir-kit-client';

const [baseUrl, bearerToken] = process.argv.slice(2);
const client = new Client({ baseUrl, bearerToken });
const statement = await client.capabilityStatement();
const patient = await client.create({
  resourceType: 'Patient',
  body: { resourceType: 'Patient', name: [{ family: 'Pat-Trois' }], birthDate: '1950-02-03' },
});
const entry = [1, 2, 3].map((day) => ({
  request: { method: 'POST', url: 'Observation' },
  resource: {
    resourceType: 'Observation',
    status: 'final',
    code: { coding: [{ system: 'http://loinc.org', code: '8867-4' }] },
    subject: { reference: `Patient/${patient.id}` },
    effectiveDateTime: `2024-03-0${day}`,
  },
}));
const done = await client.transaction({ body: { resourceType: 'Bundle', type: 'transaction', entry } });
const first = await client.resourceSearch({ resourceType: 'Observation', searchParams: { patient: patient.id, _sort: '-date', _count: 2 } });
const second = await client.nextPage({ bundle: first });
const updated = await client.update({ resourceType: 'Patient', id: patient.id, body: { ...patient, gender: 'female' } });
const patched = await client.patch({
  resourceType: 'Patient', id: patient.id, jsonPatch: [{ op: 'replace', path: '/gender', value: 'male' }],
});
const before = await client.vread({ resourceType: 'Patient', id: patient.id, version: '1' });
const history = await client.resourceHistory({ resourceType: 'Patient', id: patient.id });
const subject = await client.resolve({ reference: `Patient/${patient.id}` });
const whole = await client.operation({ name: 'everything', resourceType: 'Patient', id: patient.id, method: 'GET' });
const last = await client.operation({
  name: 'lastn', resourceType: 'Observation', method: 'GET', input: { patient: patient.id, code: '8867-4' },
});
await client.delete({ resourceType: 'Patient', id: (await client.create({ resourceType: 'Patient', body: { resourceType: 'Patient' } })).id });
let refused;
try {
  await client.create({ resourceType: 'Patient', body: { resourceType: 'Patient', birthDate: '2023-02-30' } });
} catch (fault) {
  refused = { status: fault.response?.status, place: fault.response?.data?.issue?.[0]?.expression?.[0] };
}
const days = (bundle) => bundle.entry.map((one) => one.resource.effectiveDateTime.slice(-1));
console.log(JSON.stringify({
  version: statement.fhirVersion,
  done: done.entry.map((one) => one.response.status.slice(0, 3)),
  pages: [days(first), days(second)],
  genders: [before.gender ?? null, updated.gender, patched.gender, subject.gender],
  history: history.total,
  whole: whole.entry.length,
  last: days(last),
  refused,
}));
