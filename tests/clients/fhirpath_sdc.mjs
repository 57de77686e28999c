// What fhirpath.js computes of SDC questionnaires: node fhirpath_sdc.mjs < {"questionnaires": {slug: …}, "cases": [{"slug", "answers", …}]}.
// Prints a line of JSON: for each case the values of the items that are computed or prepopulated, and those of the variables.
// A case has answers by linkId, and may have `patient` (%patient), `records` (what the x-fhir-query of a variable found, by its name) and `today`.
import { readFileSync } from 'node:fs';
import fhirpath from 'fhirpath';
import r4 from 'fhirpath/fhir-context/r4';

const HL7 = 'http://hl7.org/fhir/StructureDefinition/';
const SDC = 'http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-';
const TODAY = '2026-06-15';
const VALUES = { text: 'String', choice: 'Coding', 'open-choice': 'Coding', url: 'Uri' };

const RealDate = Date;
let today = TODAY;
globalThis.Date = class extends RealDate {
  constructor(...given) { given.length ? super(...given) : super(`${today}T12:00:00`); }
  static now() { return new RealDate(`${today}T12:00:00`).getTime(); }
};

const compiled = new Map();
function evaluate(expression, response, environment) {
  if (!compiled.has(expression)) compiled.set(expression, fhirpath.compile(expression, r4));
  return compiled.get(expression)(response, environment);
}

const expressionsOf = (element, url) => (element.extension ?? []).filter((one) => one.url === url).map((one) => one.valueExpression);

function* itemsOf(items, groups = []) {
  for (const item of items ?? []) {
    yield { item, groups };
    yield* itemsOf(item.item, [...groups, item]);
  }
}

function codingOf(item, given) {
  const code = typeof given === 'object' ? given.code : given;
  const option = (item.answerOption ?? []).find((one) => one.valueCoding?.code === code);
  if (option) return option.valueCoding;
  if (item.type === 'open-choice') return undefined;
  throw new Error(`${item.linkId}: no answer ${JSON.stringify(given)}`);
}

function answerOf(item, given) {
  if (item.type === 'choice' || item.type === 'open-choice') {
    const coding = codingOf(item, given);
    return coding ? { valueCoding: coding } : { valueString: given };
  }
  if (item.type === 'integer' && !Number.isInteger(given)) throw new Error(`${item.linkId}: ${given} is no integer`);
  if (item.type === 'decimal' && typeof given !== 'number') throw new Error(`${item.linkId}: ${given} is no number`);
  return { [`value${VALUES[item.type] ?? item.type[0].toUpperCase() + item.type.slice(1)}`]: given };
}

function responseOf(questionnaire, answers) {
  const known = new Set([...itemsOf(questionnaire.item)].map(({ item }) => item.linkId));
  for (const linkId of Object.keys(answers)) if (!known.has(linkId)) throw new Error(`no item ${linkId}`);
  const filled = (item) => {
    const given = answers[item.linkId];
    const made = { linkId: item.linkId };
    if (given !== undefined && given !== null) made.answer = (item.repeats ? [given].flat() : [given]).map((one) => answerOf(item, one));
    const within = (item.item ?? []).filter((one) => one.type !== 'display').map(filled).filter(Boolean);
    if (within.length) made.item = within;
    return made.answer || made.item ? made : undefined;
  };
  const item = questionnaire.item.map(filled).filter(Boolean);
  return { resourceType: 'QuestionnaireResponse', status: 'in-progress', questionnaire: questionnaire.url, ...(item.length && { item }) };
}

function environmentOf(groups, response, base, records) {
  const environment = { ...base, resource: response };
  for (const group of groups) {
    for (const { name, language, expression } of expressionsOf(group, `${HL7}variable`)) {
      environment[name] = language === 'application/x-fhir-query' ? records[name] ?? [] : evaluate(expression, response, environment);
    }
  }
  return environment;
}

function only(item, found) {
  if (found.length > 1 && !item.repeats) throw new Error(`${item.linkId}: ${found.length} values`);
  return found[0];
}

function computed(questionnaire, { answers, patient, records = {} }) {
  const base = { questionnaire, ...(patient ? { patient } : { patient: [] }) };
  const places = [...itemsOf(questionnaire.item)];
  const values = { ...answers };
  const told = {};
  const fill = (url, wanted) => {
    let changed = false;
    const response = responseOf(questionnaire, values);
    const environments = new Map();
    for (const { item, groups } of places) {
      const [calculated] = expressionsOf(item, url);
      if (!calculated || !wanted(item)) continue;
      const key = groups.map((one) => one.linkId).join('/');
      if (!environments.has(key)) environments.set(key, environmentOf(groups, response, base, records));
      const value = only(item, evaluate(calculated.expression, response, environments.get(key)));
      const plain = value?.code !== undefined && item.type === 'choice' ? value.code : value;
      if (JSON.stringify(plain) !== JSON.stringify(values[item.linkId])) changed = true;
      values[item.linkId] = told[item.linkId] = plain;
    }
    return changed;
  };
  fill(`${SDC}initialExpression`, (item) => answers[item.linkId] === undefined);
  for (let round = 0; fill(`${SDC}calculatedExpression`, () => true); round += 1) {
    if (round > 20) throw new Error(`${questionnaire.id}: no end of computing`);
  }
  const variables = environmentOf(questionnaire.item, responseOf(questionnaire, values), base, records);
  for (const name of ["questionnaire", "patient", "resource"]) delete variables[name];
  return { values: Object.fromEntries(Object.entries(told).filter(([, value]) => value !== undefined)), variables };
}

const { questionnaires, cases } = JSON.parse(readFileSync(0, 'utf-8'));
const found = cases.map((one) => {
  today = one.today ?? TODAY;
  try {
    return computed(questionnaires[one.slug], one);
  } catch (fault) {
    return { fault: `${one.slug}, ${one.name}: ${fault.message ?? fault}` };
  }
});
console.log(JSON.stringify(found));
