// The page that shows the API's description and sends requests to it. What is typed stays in the page's memory.
const main = document.querySelector('main');
const field = (id) => document.getElementById(id);

/** An element with text and children: nothing here is ever read as HTML. */
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** Follows `#/components/…` within the document. */
function follow(document_, value) {
  if (!value || typeof value.$ref !== 'string') return value;
  return value.$ref
    .slice(2)
    .split('/')
    .reduce((place, key) => place?.[key], document_);
}

/** A value that fits a schema, to begin from. */
function sampleOf(document_, given, depth = 0) {
  const schema = follow(document_, given) ?? {};
  if (depth > 6) return null;
  if (schema.default !== undefined) return schema.default;
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return schema.enum[0];
  const choice = schema.oneOf ?? schema.anyOf;
  if (choice) return sampleOf(document_, choice[0], depth + 1);
  if (schema.type === 'object') {
    const needed = (schema.required ?? []).filter((name) => schema.properties?.[name]);
    return Object.fromEntries(needed.map((name) => [name, sampleOf(document_, schema.properties[name], depth + 1)]));
  }
  if (schema.type === 'array') return schema.minItems ? [sampleOf(document_, schema.items, depth + 1)] : [];
  if (schema.type === 'integer' || schema.type === 'number') return Math.max(0, schema.minimum ?? 0);
  if (schema.type === 'boolean') return false;
  if (schema.type === 'null') return null;
  return schema.format === 'uuid' ? '00000000-0000-0000-0000-000000000000' : '';
}

/** A schema with what it refers to in place, as far down as somebody reads. */
function spelledOut(document_, given, depth = 0) {
  if (depth > 8) return '…';
  if (Array.isArray(given)) return given.map((entry) => spelledOut(document_, entry, depth + 1));
  if (!given || typeof given !== 'object') return given;
  if (typeof given.$ref === 'string') return spelledOut(document_, follow(document_, given), depth + 1);
  return Object.fromEntries(
    Object.entries(given).map(([key, value]) => [key, spelledOut(document_, value, depth + 1)]),
  );
}

function schemaBox(document_, title, schema) {
  const box = element('details', {}, element('summary', {}, title));
  box.addEventListener('toggle', () => {
    if (box.open && box.children.length === 1) {
      box.append(element('pre', { tabindex: '0' }, JSON.stringify(spelledOut(document_, schema), null, 2)));
    }
  });
  return box;
}

function operationBox(document_, method, path, operation) {
  const verb = method.toUpperCase();
  const goes = operation.deprecated ? ' (goes away)' : '';
  const summary = element('summary', {}, element('b', {}, verb), ` ${path}${goes}`);
  const box = element('details', { 'data-operation': operation.operationId }, summary);
  // Built when somebody looks: there are many.
  box.addEventListener('toggle', () => {
    if (box.open && box.children.length === 1) box.append(operationForm(document_, verb, path, operation));
  });
  return box;
}

function operationForm(document_, verb, path, operation) {
  const inside = element('form', { class: 'inside' });
  const needs = operation['x-access'];
  const who = { public: 'anybody', session: 'anybody signed in', token: 'a token of its own' }[needs] ?? needs;
  inside.append(element('p', {}, `${operation.summary}. Needs: ${who}. Rate class: ${operation['x-rate-class']}.`));
  const parameters = (operation.parameters ?? []).map((one) => follow(document_, one));
  const inputs = new Map();
  const fields = element('div', { class: 'fields' });
  for (const parameter of parameters) {
    if (parameter.name === 'Sluice-Workspace') continue;
    const input = element('input', { autocomplete: 'off', spellcheck: 'false' });
    const sample = parameter.schema?.default;
    if (sample !== undefined) input.value = String(sample);
    inputs.set(parameter, input);
    const label = `${parameter.name} (${parameter.in}${parameter.required ? '' : ', optional'})`;
    fields.append(element('label', {}, label, input));
  }
  inside.append(fields);
  const schema = operation.requestBody?.content?.['application/json']?.schema;
  const body = schema && element('textarea', { rows: '8', spellcheck: 'false' });
  if (body) {
    body.value = JSON.stringify(sampleOf(document_, schema), null, 2);
    inside.append(element('label', {}, 'Body (JSON)', body), schemaBox(document_, 'Schema of the body', schema));
  }
  const answer = operation.responses?.['200']?.content?.['application/json']?.schema;
  if (answer) inside.append(schemaBox(document_, 'Schema of the answer', answer));
  const output = element('pre', { 'aria-live': 'polite', tabindex: '0', hidden: '' });
  inside.append(element('button', { type: 'submit' }, 'Send'), output);
  inside.addEventListener('submit', async (event) => {
    event.preventDefault();
    output.hidden = false;
    output.textContent = 'Sending …';
    output.textContent = await sendRequest(verb, path, parameters, inputs, body?.value).catch(
      (error) => `The request did not get through: ${error.message}`,
    );
  });
  return inside;
}

async function sendRequest(method, path, parameters, inputs, body) {
  const headers = { accept: 'application/json' };
  const query = new URLSearchParams();
  let target = path;
  for (const [parameter, input] of inputs) {
    const value = input.value.trim();
    if (parameter.in === 'path') target = target.replace(`{${parameter.name}}`, encodeURIComponent(value));
    else if (value !== '' && parameter.in === 'query') query.set(parameter.name, value);
    else if (value !== '' && parameter.in === 'header') headers[parameter.name] = value;
  }
  const token = field('token').value.trim();
  const workspace = field('workspace').value.trim();
  if (token) headers.authorization = `Bearer ${token}`;
  if (workspace && parameters.some(({ name }) => name === 'Sluice-Workspace')) headers['Sluice-Workspace'] = workspace;
  if (body !== undefined) headers['content-type'] = 'application/json';
  const search = query.size > 0 ? `?${query}` : '';
  const response = await fetch(`${target}${search}`, {
    method,
    headers,
    body,
    credentials: 'omit',
    redirect: 'manual',
  });
  const text = await response.text();
  const told = ['ratelimit', 'etag', 'retry-after', 'sluice-request']
    .filter((name) => response.headers.has(name))
    .map((name) => `${name}: ${response.headers.get(name)}`);
  return [`${response.status} ${response.statusText}`, ...told, '', readable(text)].join('\n');
}

function readable(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text.slice(0, 20_000);
  }
}

function show(document_) {
  const wanted = field('find').value.trim().toLowerCase();
  const groups = new Map();
  for (const [path, item] of Object.entries(document_.paths)) {
    for (const [method, operation] of Object.entries(item)) {
      const text = `${method} ${path} ${operation.operationId} ${operation['x-access']}`.toLowerCase();
      if (!text.includes(wanted)) continue;
      const group = operation.tags[0];
      groups.set(group, [...(groups.get(group) ?? []), operationBox(document_, method, path, operation)]);
    }
  }
  main.replaceChildren(
    ...[...groups].flatMap(([group, boxes]) => [element('h2', {}, group), ...boxes]),
    ...(groups.size === 0 ? [element('p', {}, 'Nothing fits this.')] : []),
  );
}

fetch('/v1/openapi.json')
  .then((response) => response.json())
  .then((document_) => {
    // A link may lead to one call, as that of a call that goes away does to what takes its place.
    field('find').value = decodeURIComponent(location.hash.slice(1));
    show(document_);
    field('find').addEventListener('input', () => show(document_));
  })
  .catch((error) => {
    main.textContent = `The description could not be read: ${error.message}`;
  });
