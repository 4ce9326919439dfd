import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { root } from '../paths.ts';
import { errorTable } from './errorPage.ts';
import { expressionPage } from './expressionPage.ts';
import { settingsTable } from './settingsTable.ts';
import { stepPages } from './stepPages.ts';
import { dataTable, noticesTable, rolesTable, seatsTable } from './tenancyTables.ts';

const SETTINGS = /(<!-- made: variables -->\n)[\s\S]*?(<!-- end -->)/;
const MARK = /(<!-- made: codes -->\n)[\s\S]*?(<!-- end -->)/;

/** Every page that is made from the code, by path below `docs/`. */
export function madePages(docs = join(root, 'docs')): Map<string, string> {
  const pages = new Map<string, string>();
  for (const [name, text] of stepPages()) pages.set(`steps/${name}`, text);
  pages.set('expression-names.md', expressionPage());
  const errors = readFileSync(join(docs, 'errors.md'), 'utf8');
  if (!MARK.test(errors)) throw new Error('docs/errors.md has no place for the table of codes.');
  pages.set(
    'errors.md',
    errors.replace(MARK, (_all, open: string, close: string) => `${open}\n${errorTable()}\n${close}`),
  );
  const hosting = readFileSync(join(docs, 'self-hosting.md'), 'utf8');
  if (!SETTINGS.test(hosting)) throw new Error('docs/self-hosting.md has no place for the table of variables.');
  pages.set(
    'self-hosting.md',
    hosting.replace(SETTINGS, (_all, open: string, close: string) => `${open}\n${settingsTable()}\n${close}`),
  );
  const tables = { roles: rolesTable, seats: seatsTable, notices: noticesTable };
  pages.set('roles.md', withTables(docs, 'roles.md', tables));
  pages.set(
    'privacy.md',
    withTables(docs, 'privacy.md', {
      'data of people': () => dataTable('person'),
      'data of workspaces': () => dataTable('workspace'),
      'data of nobody': () => dataTable('platform'),
    }),
  );
  return pages;
}

/** A page with each of its tables made anew. */
function withTables(docs: string, page: string, tables: Record<string, () => string>): string {
  let text = readFileSync(join(docs, page), 'utf8');
  for (const [name, table] of Object.entries(tables)) {
    const [open, close] = [`<!-- made: ${name} -->\n`, '<!-- end -->'];
    const from = text.indexOf(open);
    const to = text.indexOf(close, from);
    if (from < 0 || to < 0) throw new Error(`docs/${page} has no place for the table of ${name}.`);
    text = `${text.slice(0, from)}${open}\n${table()}\n\n${text.slice(to)}`;
  }
  return text;
}

/** Writes them, and takes away pages of step types that are gone. `npm run docs` */
function main(): void {
  const docs = join(root, 'docs');
  const pages = madePages(docs);
  mkdirSync(join(docs, 'steps'), { recursive: true });
  for (const name of readdirSync(join(docs, 'steps'))) {
    if (!pages.has(`steps/${name}`)) rmSync(join(docs, 'steps', name));
  }
  for (const [path, text] of pages) {
    mkdirSync(dirname(join(docs, path)), { recursive: true });
    writeFileSync(join(docs, path), text);
  }
  process.stdout.write(`${pages.size} pages made.\n`);
}

if (import.meta.main) main();
