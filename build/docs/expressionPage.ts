import { DOLLAR_FUNCTIONS, FUNCTIONS, GROUPS, METHODS, PROPERTIES, VARIABLES } from '#shared/expression/complete.ts';

const KINDS: Record<string, string> = {
  text: 'Text',
  list: 'List',
  number: 'Number',
  boolean: 'True and false',
  object: 'Object',
  date: 'Date',
  duration: 'Duration',
  regex: 'Regular expression',
  step: "A step, `$('id')`",
};

type Entry = { args?: string; doc: string };
type Entries = { readonly [name: string]: Entry };

/** Every name that an expression knows, from the tables that the interpreter and the editor use. */
export function expressionPage(): string {
  const lines = [
    '# Names in expressions',
    '',
    'Made from the tables that run the expressions and complete them in the editor.',
  ];
  lines.push('', '## Variables', '', ...rows(VARIABLES as Entries), ...rows(DOLLAR_FUNCTIONS as Entries).slice(2));
  lines.push('', '## Functions', '', ...rows(FUNCTIONS as Entries));
  for (const [group, entries] of Object.entries(GROUPS))
    lines.push('', `## ${group}`, '', ...rows(entries as Entries, `${group}.`));
  for (const [kind, title] of Object.entries(KINDS)) {
    const properties = (PROPERTIES as Record<string, Entries | undefined>)[kind];
    const methods = (METHODS as Record<string, Entries | undefined>)[kind];
    lines.push('', `## ${title}`, '', ...rows({ ...properties, ...methods }, '.'));
  }
  return `${lines.join('\n')}\n`;
}

function rows(entries: Entries, prefix = ''): string[] {
  const found = Object.entries(entries).sort(([a], [b]) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1));
  return [
    '| Name | |',
    '|---|---|',
    ...found.map(([name, { args = '', doc }]) => `| \`${prefix}${name}${args}\` | ${doc.replaceAll('|', '\\|')} |`),
  ];
}
