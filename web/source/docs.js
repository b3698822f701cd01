import './common.css';
import './docs.css';

import {byId, element, say} from './common.js';

const methods = ['get', 'post', 'put', 'patch', 'delete', 'options'];
let description;

// References lead to another place of the description.
function resolve(value) {
  while (value?.$ref) value = value.$ref.slice(2).split('/').reduce((place, part) => place[part], description);
  return value;
}

// `code` and paragraphs are all the markup that descriptions have.
function prose(text) {
  const marked = (line) => line.split(/(`[^`]+`)/).map((part) => (/^`.+`$/.test(part) ? element('code', {}, part.slice(1, -1)) : part));
  return (text ?? '').split('\n\n').filter(Boolean).map((paragraph) => element('p', {}, marked(paragraph)));
}

function typeName(schema) {
  schema = resolve(schema) ?? {};
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(' | ');
  if (schema.oneOf || schema.anyOf) return (schema.oneOf ?? schema.anyOf).map(typeName).join(' | ');
  if (schema.type === 'array') return `list of ${typeName(schema.items)}`;
  const types = [schema.type ?? 'any'].flat().map((type) => (type === 'array' ? `list of ${typeName(schema.items)}` : type));
  return types.join(' | ') + (schema.format ? ` (${schema.format})` : '');
}

function fieldsOf(schema, depth = 0) {
  schema = resolve(schema) ?? {};
  if (schema.type === 'array' || [schema.type].flat().includes('array')) return fieldsOf(schema.items, depth);
  const branches = schema.oneOf ?? schema.anyOf;
  if (branches) return branches.flatMap((one) => fieldsOf(one, depth));
  if (depth > 4) return [];
  const entries = Object.entries(schema.properties ?? {});
  const extra = typeof schema.additionalProperties === 'object' ? [['…any name', schema.additionalProperties]] : [];
  if (!entries.length && !extra.length) return [];
  const needed = new Set(schema.required ?? []);
  return [element('dl', {class: 'fields'}, [...entries, ...extra].map(([name, value]) => {
    const found = resolve(value);
    return element('div', {},
      element('dt', {}, element('code', {}, name), element('span', {class: 'type'}, typeName(value)),
        needed.has(name) && depth === 0 ? element('span', {class: 'needed'}, 'required') : null),
      element('dd', {}, prose(value.description ?? found.description), fieldsOf(value, depth + 1)));
  }))];
}

const json = (value) => element('pre', {tabindex: '0'}, element('code', {}, JSON.stringify(value, null, 2)));

function contentOf(content, marksRequired) {
  return Object.entries(content ?? {}).flatMap(([type, {schema, example}]) => [
    element('p', {class: 'type'}, type, ' · ', typeName(schema)),
    ...fieldsOf(schema, marksRequired ? 0 : 1),
    ...(example === undefined ? [] : [element('h4', {}, 'Example'), json(example)]),
  ]);
}

function responsesOf(responses) {
  return Object.entries(responses).map(([status, response]) => {
    const found = resolve(response);
    const headers = Object.entries(found.headers ?? {});
    return element('details', {},
      element('summary', {}, element('span', {class: `status ${status < '400' ? 'good' : 'bad'}`}, status), ` ${found.description.split('\n')[0]}`),
      element('div', {}, ...contentOf(found.content, false),
        headers.length ? element('h4', {}, 'Headers') : null,
        headers.length ? element('dl', {class: 'fields'}, headers.map(([name, header]) => element('div', {},
          element('dt', {}, element('code', {}, name)), element('dd', {}, prose(resolve(header).description))))) : null,
        found.content || headers.length ? null : element('p', {class: 'quiet'}, 'No body.')));
  });
}

const nameOfKey = {apiKey: 'an API key', bearer: 'an API key', basic: 'an API key', masterKey: 'the master key'};
function whoMay(operation) {
  const schemes = operation.security ?? description.security ?? [];
  const names = new Set(schemes.flatMap((one) => Object.keys(one)).map((name) => nameOfKey[name] ?? name));
  return names.size ? `Needs ${[...names].join(' or ')}.` : 'Needs no key.';
}

// Closed at first, and made when it is opened: all of them at once are too much for a phone.
function operationCard(path, method, operation, shared) {
  const card = element('details', {class: 'card operation', id: operation.operationId},
    element('summary', {}, element('h3', {},
      element('span', {class: `method ${method}`}, method.toUpperCase()), ' ', element('code', {}, path), ' ', element('span', {}, operation.summary))));
  card.addEventListener('toggle', () => {
    if (card.open && card.children.length === 1) card.append(operationBody(operation, shared));
  });
  return card;
}

function operationBody(operation, shared) {
  const parameters = [...(shared ?? []), ...(operation.parameters ?? [])].map(resolve);
  const body = resolve(operation.requestBody);
  return element('div', {},
    element('div', {class: 'prose'}, prose(operation.description), element('p', {class: 'quiet'}, whoMay(operation))),
    parameters.length ? element('div', {}, element('h4', {}, 'Parameters'), element('dl', {class: 'fields'}, parameters.map((one) => element('div', {},
      element('dt', {}, element('code', {}, one.name), element('span', {class: 'type'}, `${one.in}, ${typeName(one.schema)}`),
        one.required ? element('span', {class: 'needed'}, 'required') : null),
      element('dd', {}, prose(one.description)))))) : null,
    body ? element('div', {}, element('h4', {}, 'Body'), prose(body.description), ...contentOf(body.content, true)) : null,
    element('div', {class: 'fields'}, element('h4', {}, 'Answers'), responsesOf(operation.responses)));
}

function show() {
  const operations = Object.entries(description.paths).flatMap(([path, item]) =>
    methods.filter((method) => item[method]).map((method) => ({path, method, operation: item[method], shared: item.parameters})));
  const sections = description.tags.map((tag) => ({tag, list: operations.filter((one) => one.operation.tags[0] === tag.name)})).filter((one) => one.list.length);
  byId('contents').replaceChildren(...sections.map(({tag, list}) => element('div', {'data-section': true}, element('h2', {}, tag.name),
    element('ul', {}, list.map(({path, method, operation}) => element('li', {'data-text': `${method} ${path} ${operation.summary}`.toLowerCase()},
      element('a', {href: `#${operation.operationId}`}, element('span', {class: `method ${method}`}, method.toUpperCase()), path)))))));
  byId('content').replaceChildren(
    element('section', {}, element('h1', {}, `${description.info.title} API`), element('div', {class: 'prose'}, prose(description.info.description))),
    ...sections.map(({tag, list}) => element('section', {}, element('h2', {}, tag.name), element('div', {class: 'prose'}, prose(tag.description)),
      list.map((one) => operationCard(one.path, one.method, one.operation, one.shared)))));
}

byId('filter').addEventListener('input', (event) => {
  const wanted = event.target.value.trim().toLowerCase();
  for (const item of document.querySelectorAll('[data-text]')) item.hidden = !item.dataset.text.includes(wanted);
  for (const section of document.querySelectorAll('[data-section]')) section.hidden = !section.querySelector('li:not([hidden])');
  const count = document.querySelectorAll('[data-text]:not([hidden])').length;
  byId('found').hidden = !wanted;
  say(byId('found'), wanted ? (count === 1 ? 'One route.' : `${count || 'No'} routes.`) : '');
});

function openNamed() {
  const card = document.getElementById(location.hash.slice(1) || 'run');
  if (card?.tagName !== 'DETAILS') return;
  card.open = true;
  if (location.hash) card.scrollIntoView();
}
window.addEventListener('hashchange', openNamed);

try {
  const answer = await fetch('/openapi.json');
  if (!answer.ok) throw new Error();
  description = await answer.json();
  show();
  openNamed();
} catch {
  byId('loading').textContent = 'The description cannot be loaded. Reload the page to try again.';
}
document.documentElement.dataset.ready = 'true';
