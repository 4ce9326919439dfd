import { catalog, connectorCatalog, stepTypes } from '#runtime/connectors/registry.ts';
import { isJsonObject, type Json, type JsonObject } from '#shared/json.ts';
import type { StepTypeInfo } from '#shared/workflow/catalog.ts';

/** The groups of the step library, in its order. */
const CATEGORIES: Record<string, string> = {
  trigger: 'Triggers',
  flow: 'Flow',
  items: 'Items',
  data: 'Data',
  files: 'Files',
  code: 'Code',
  network: 'Network',
  storage: 'Storage and databases',
};

const EFFECTS: Record<string, string> = {
  pure: 'reaches nothing outside; it may be done again at any time.',
  idempotent: 'reaches outside, and twice is the same as once: it is tried again freely.',
  keyed: 'changes something outside under an idempotency key, so it happens once even when it is tried again.',
  unsafe:
    'changes something outside that must not happen twice. If it may have happened, it is not repeated: the run waits and asks a person.',
  by_config: 'depends on what is set below.',
};

/** One page per step type and a list of them all, by path below `docs/steps/`. */
export function stepPages(): Map<string, string> {
  const pages = new Map<string, string>();
  const all = Object.values(catalog());
  for (const info of all) pages.set(`${info.type}.md`, pageOf(info));
  pages.set('README.md', listOf(all));
  return pages;
}

function listOf(all: readonly StepTypeInfo[]): string {
  const lines = ['# Step types', '', 'Made from the step types themselves. Each has a page of its own.'];
  const known = new Set(Object.keys(CATEGORIES));
  for (const [category, title] of Object.entries(CATEGORIES)) {
    const own = all.filter((info) => info.category === category);
    if (own.length === 0) continue;
    lines.push('', `## ${title}`, '', '| Step type | Does |', '|---|---|');
    for (const { type, description } of own) lines.push(`| [\`${type}\`](${type}.md) | ${cell(description ?? '')} |`);
  }
  const stray = all.find(({ category }) => !known.has(category ?? ''));
  if (stray) throw new Error(`${stray.type} is of no category that the list has: ${stray.category}.`);
  return `${lines.join('\n')}\n`;
}

function pageOf(info: StepTypeInfo): string {
  const lines = [`# ${info.title}`, '', `\`${info.type}\`, version ${info.version}`, '', info.description ?? ''];
  lines.push('', ...portLines(info));
  lines.push('', ...effectLines(info));
  const fields = fieldRows(info.configSchema);
  lines.push('', '## Config', '');
  if (fields.length === 0) lines.push('It has none.');
  else lines.push('| Field | Takes | Default | |', '|---|---|---|---|', ...fields);
  const outputs = info.outputSchema ? fieldRows(info.outputSchema) : [];
  if (outputs.length > 0)
    lines.push('', '## Gives', '', '| Field | Is |', '|---|---|', ...outputs.map(withoutDefaults));
  lines.push(...connectionLines(info), ...limitLines(info));
  return `${lines.join('\n')}\n`;
}

function portLines(info: StepTypeInfo): string[] {
  const named = (ports: readonly string[]) => ports.map((port) => `\`${port}\``).join(', ');
  const outputs = [...info.outputs];
  const lines: string[] = [];
  if (info.trigger) lines.push('- **Starts runs.** Nothing leads into it.');
  else lines.push(`- **In:** ${named(info.inputs)}`);
  const listed = info.outputsFrom
    ? `, and one for each of \`${info.outputsFrom.list}\`, named by its \`${info.outputsFrom.field}\``
    : '';
  lines.push(`- **Out:** ${named(info.trigger ? outputs : [...outputs, 'error'])}${listed}`);
  if (!info.trigger) {
    const each = info.mode === 'each';
    lines.push(
      `- **Mode:** \`${info.mode}\`, ${each ? 'it is called once for each item' : 'it is called once with all items'}.`,
    );
  }
  return lines;
}

function effectLines(info: StepTypeInfo): string[] {
  const effect = info.effect ?? 'pure';
  return [`**Effect:** \`${effect.replace('_', ' ')}\`: ${EFFECTS[effect] ?? ''}`];
}

function connectionLines(info: StepTypeInfo): string[] {
  if (!info.connector) return [];
  const connector = connectorCatalog()[info.connector];
  if (!connector) return [];
  const hosts = connector.hosts?.length ? ` It reaches ${connector.hosts.join(', ')} and no other host.` : '';
  const lines = [
    '',
    '## Connection',
    '',
    `It uses a connection of the kind \`${info.connector}\` (${connector.title}).${hosts}`,
  ];
  const rows = fieldRows(connector.schema);
  if (rows.length > 0) lines.push('', '| Field | Takes | Default | |', '|---|---|---|---|', ...rows);
  return lines;
}

/** Time of one attempt, where it is not the usual one. */
function limitLines(info: StepTypeInfo): string[] {
  const { timeoutMs } = stepTypes.find(({ type }) => type === info.type) ?? {};
  if (timeoutMs === undefined) return [];
  const text =
    timeoutMs === null
      ? 'It has no time limit of its own; that of the run counts.'
      : `One attempt may take ${timeoutMs / 1_000} s where the step sets no other time.`;
  return ['', '## Limits', '', text];
}

const withoutDefaults = (row: string): string => row.replace(/^(\| [^|]* \| (?:[^|\\]|\\.)* \|).*$/, '$1');

/** A row for every field of a schema, and for the fields inside it. */
function fieldRows(schema: JsonObject, prefix = '', depth = 0): string[] {
  const properties = isJsonObject(schema.properties) ? schema.properties : {};
  const required = new Set(Array.isArray(schema.required) ? schema.required.map(String) : []);
  const fields = Object.entries(properties).filter((entry): entry is [string, JsonObject] => isJsonObject(entry[1]));
  fields.sort(([, a], [, b]) => orderOf(a) - orderOf(b));
  return fields.flatMap(([name, field]) => {
    const path = `${prefix}${name}`;
    const notes = [field.title, field.help, field.description].filter((text) => typeof text === 'string');
    if (field.expression === false) notes.push('No expression.');
    if (typeof field.placeholder === 'string') notes.push(`For example \`${field.placeholder}\`.`);
    const fallback =
      field.default !== undefined ? `\`${JSON.stringify(field.default)}\`` : required.has(name) ? 'needed' : '';
    const row = `| \`${path}\` | ${cell(typeOf(field))} | ${cell(fallback)} | ${cell(sentences(notes as string[]))} |`;
    const inner = isJsonObject(field.items) ? field.items : field;
    const marker = isJsonObject(field.items) ? '[].' : '.';
    return depth < 2 ? [row, ...fieldRows(inner, `${path}${marker}`, depth + 1)] : [row];
  });
}

const orderOf = (field: JsonObject): number => (typeof field.order === 'number' ? field.order : 100);

function sentences(notes: readonly string[]): string {
  return notes.map((note) => (/[.?!`:]$/.test(note) ? note : `${note}.`)).join(' ');
}

/** What a field takes, in words. */
function typeOf(field: JsonObject): string {
  if (Array.isArray(field.enum)) return field.enum.map((value) => `\`${String(value)}\``).join(', ');
  if (field.const !== undefined) return `\`${JSON.stringify(field.const)}\``;
  const choices = field.anyOf ?? field.oneOf;
  if (Array.isArray(choices)) return [...new Set(choices.filter(isJsonObject).map(typeOf))].join(' or ');
  if (field.type === 'array')
    return `list of ${isJsonObject(field.items) ? typeOf(field.items) : 'anything'}${range(field.minItems, field.maxItems, 'entries')}`;
  if (field.type === 'integer') return `whole number${range(field.minimum, field.maximum)}`;
  if (field.type === 'number') return `number${range(field.minimum, field.maximum)}`;
  if (field.type === 'string') return `text${range(field.minLength, field.maxLength, 'characters')}`;
  if (field.type === 'boolean') return '`true` or `false`';
  if (field.type === 'object') return 'object';
  if (field.type === 'null') return 'null';
  return 'anything';
}

function range(least: Json | undefined, most: Json | undefined, unit = ''): string {
  const bound = (value: Json | undefined) => (typeof value === 'number' && Math.abs(value) < 9e15 ? value : undefined);
  const [from, to] = [bound(least), bound(most)];
  const what = unit ? ` ${unit}` : '';
  if (from !== undefined && to !== undefined)
    return `, ${from.toLocaleString('en-US')} to ${to.toLocaleString('en-US')}${what}`;
  if (to !== undefined) return `, up to ${to.toLocaleString('en-US')}${what}`;
  if (from !== undefined && from > 1) return `, ${from.toLocaleString('en-US')} or more${what}`;
  return '';
}

/** Text in a cell of a table. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
