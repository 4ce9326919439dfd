import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { catalog } from '#runtime/connectors/registry.ts';
import { SluiceError } from '#shared/error.ts';
import type { Json } from '#shared/json.ts';
import { type Conflict, needsPerson } from '#shared/merge/conflict.ts';
import { mergeProjectFile } from '#shared/merge/mergeProjectFile.ts';
import { derivedId } from '#shared/workflow/hash.ts';
import { writeFileAtomic } from '../store/atomicFile.ts';
import { isProjectPath, makeFolders, readProjectFile } from '../store/projectFolder.ts';
import { type CliContext, EXIT, printJson, type Register, usageError } from './context.ts';

/** For files that do not need one. */
const MANIFEST = 'id: 00000000-0000-7000-8000-000000000000\nname: Project\nformat: 1\n';

/** `sluice merge-driver`: what Git calls for a file that both branches changed. */
export const registerMergeDriver: Register = (program, context, action) => {
  program
    .command('merge-driver')
    .description('merge one file of a project by what it says; Git calls it with %O %A %B %P')
    .argument('<base>', 'the file as it was where both branches come from')
    .argument('<ours>', 'the file on this branch; the merged file is written here')
    .argument('<theirs>', 'the file on the other branch')
    .argument('[path]', 'its path from the top of the repository', 'workflows/merged.yaml')
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      '\nIt ends with 0 where both are merged, and with 1 where a person has to decide.\n' +
        '\nExample:\n  $ git config merge.sluice.driver "sluice merge-driver %O %A %B %P"',
    )
    .action(
      action(async (base: string, ours: string, theirs: string, path: string, options: { json?: boolean }) => {
        const place = placeOf(context, path);
        const texts = await Promise.all([base, ours, theirs].map((file) => readVersion(context, file)));
        const [from = '', mine = '', other = ''] = texts;
        const manifest = await manifestOf(place, texts);
        const versions = { path: place.path, base: from, ours: mine, theirs: other, manifest };
        const { text, conflicts } = mergeProjectFile(versions, catalog());
        const open = conflicts.filter(({ kind }) => needsPerson(kind));
        // The same merge made again has the same record.
        const id = derivedId(path, JSON.stringify([from, mine, other]));
        const record = open.length === 0 ? undefined : join('.sluice', 'conflicts', `${id}.json`);
        if (record !== undefined) {
          const file = join(place.dir, record);
          await makeFolders(place.dir, '.sluice/conflicts');
          const kept = { id, at: new Date().toISOString(), file: place.path, conflicts };
          await writeFileAtomic(file, `${JSON.stringify(kept, null, 2)}\n`);
        }
        if (text !== mine) await writeFileAtomic(resolve(context.cwd, ours), text);
        if (options.json) printJson(context, { ok: open.length === 0, file: path, record: record ?? null, conflicts });
        else tell(context, path, conflicts, record);
        return open.length === 0 ? EXIT.ok : EXIT.failed;
      }),
    );
};

/** What a workflow without an id of its own gets its id from. */
async function manifestOf({ dir, path }: { dir: string; path: string }, texts: string[]): Promise<string> {
  const manifest = await readProjectFile(dir, 'sluice.yaml');
  if (manifest !== undefined) return manifest;
  const isNamed = texts.every((text) => text.trim() === '' || /^id:/m.test(text));
  if (isNamed || !path.startsWith('workflows/')) return MANIFEST;
  throw new SluiceError('project.not_found', `There is no sluice.yaml in ${dir}, and ${path} has no id of its own.`, {
    advice: 'Put the project’s sluice.yaml back, then merge again.',
  });
}

/** The project that a path of the repository is in, and the path below its folder. */
function placeOf(context: CliContext, path: string): { dir: string; path: string } {
  const parts = path.split('/');
  const above = parts.findIndex((_, i) => isProjectPath(parts.slice(i).join('/')));
  if (above === -1) {
    throw new SluiceError('project.invalid', `${path} is no file of a project, so it is not merged.`, {
      advice: 'Let .gitattributes name files of workflows, scripts, machines, environments and connections only.',
    });
  }
  return { dir: resolve(context.cwd, ...parts.slice(0, above)), path: parts.slice(above).join('/') };
}

async function readVersion(context: CliContext, file: string): Promise<string> {
  const bytes = await readFile(resolve(context.cwd, file)).catch((cause: NodeJS.ErrnoException) => {
    const why = cause.code === 'ENOENT' ? 'there is no such file' : `the system answered ${cause.code}`;
    throw usageError(`${file} cannot be read: ${why}.`, 'Name three files: the common one, ours and theirs.');
  });
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new SluiceError('project.invalid', `${file} is not UTF-8, so nothing was merged.`, {
      advice: 'Save it as UTF-8 on its branch, then merge again.',
      cause,
    });
  }
}

/** For people, beside what Git says. */
function tell(context: CliContext, path: string, conflicts: Conflict[], record: string | undefined): void {
  const open = conflicts.filter(({ kind }) => needsPerson(kind)).length;
  for (const conflict of conflicts) context.note(`${path}: ${whereOf(conflict)}: ${wordsOf(conflict)}`);
  if (record === undefined) return;
  const places = open === 1 ? '1 place has' : `${open} places have`;
  context.note(`${places} two answers. One of each stands in ${path}; all are in ${record}.`);
  context.note(`Look at the file, correct it where the other answer is right, then: git add ${path}`);
}

/** `steps.post_d5w6.config.url`; the whole file where it is the file's record. */
function whereOf({ path }: Conflict): string {
  return path.slice(path[0] === 'connections' ? 1 : 2).join('.') || 'the file';
}

function wordsOf({ kind, ours, theirs, chosen, renamedTo }: Conflict): string {
  switch (kind) {
    case 'value':
      return `${short(ours)} on this branch stands, ${short(theirs)} on the other does not.`;
    case 'text':
      return 'lines that both changed stand as they are on this branch.';
    case 'delete_vs_edit':
      return `kept, as ${chosen === 'ours' ? 'this branch' : 'the other branch'} changed it; the other one took it away.`;
    case 'delete_vs_reference':
      return `kept, for ${chosen === 'ours' ? 'this branch' : 'the other branch'} uses it; the other one took it away.`;
    case 'cycle':
      return 'this arrow of the other branch closes a circle that neither branch has.';
    case 'add_add_renamed':
      return `both added a step under this id; the one of the other branch is ${renamedTo} now.`;
    case 'layout_of_deleted':
      return 'one branch moved what the other took away; it stays away.';
    case 'layout':
      return 'both moved it; its place on this branch stands.';
  }
}

function short(value: Json | undefined): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
