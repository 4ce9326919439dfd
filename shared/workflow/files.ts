import { isJsonObject, type Json, type JsonObject } from '../json.ts';
import { sameJson } from '../merge/sameJson.ts';
import type { StepCatalog } from './catalog.ts';
import { plainShape, workflowShape } from './fileShapes.ts';
import { type ProjectFiles, type ReadProject, readProject } from './readProject.ts';
import { Case, type Tree } from './tree.ts';
import { defaultMode, workflowToDisk } from './workflowFile.ts';
import { yamlText } from './yamlEmit.ts';
import { type FileShape, spliceYaml } from './yamlSplice.ts';

export { type ProjectFiles, type ReadProject, readProject } from './readProject.ts';

export type WriteOptions = {
  catalog?: StepCatalog;
  /** The text of pinned data by its hash. A pin whose text is not here is not written. */
  pins?: Record<string, string>;
};

/** One file as it should be: YAML data, or text as it is. */
type WantedFile = { key: string; data: JsonObject; shape: FileShape } | { key: string; text: string };

const FIXED: ProjectFiles = {
  '.gitattributes': 'workflows/*.yaml merge=sluice\n',
  '.gitignore': '.sluice/\nnode_modules/\n',
};

/** All files of a project, written fresh. */
export function writeProject(tree: Tree, options: WriteOptions = {}): ProjectFiles {
  const files: ProjectFiles = { ...FIXED };
  for (const [path, file] of wantedFiles(tree, options)) {
    files[path] = 'text' in file ? file.text : yamlText(file.data, file.shape.block);
  }
  return files;
}

/**
 * The files that must change so that a folder says what the tree says. Each is its previous text with only the changed
 * fields replaced: comments, quotes, order and line ends stay. Null means that the file goes away. A file that cannot
 * be read is neither written nor removed.
 *
 * @param previous the folder's files as they are now
 */
export function projectFiles(
  tree: Tree,
  previous: ProjectFiles,
  options: WriteOptions = {},
): Record<string, string | null> {
  const before = readProject(previous, options.catalog);
  const wanted = wantedFiles(tree, { ...options, pins: { ...pinTexts(previous, before), ...options.pins } });
  const changes: Record<string, string | null> = {};
  for (const [path, file] of wanted) {
    const from = before.fileOf.get(file.key) ?? path;
    if (before.unreadable.has(from) || before.unreadable.has(path)) continue;
    const old = previous[from];
    const text = old === undefined ? freshText(file) : changedText(old, { path, from, file, before, tree, options });
    if (path !== from || text !== old) changes[path] = text;
  }
  for (const path of Object.keys(previous)) {
    if (isOurs(path, tree, before, wanted) && !wanted.has(path) && !before.unreadable.has(path)) changes[path] = null;
  }
  for (const [path, text] of Object.entries(FIXED)) if (previous[path] === undefined) changes[path] = text;
  return changes;
}

function freshText(file: WantedFile): string {
  return 'text' in file ? file.text : yamlText(file.data, file.shape.block);
}

type Change = { path: string; from: string; file: WantedFile; before: ReadProject; tree: Tree; options: WriteOptions };

function changedText(old: string, { path, from, file, before, tree, options }: Change): string {
  if ('text' in file) {
    if (old.replaceAll('\r\n', '\n') === file.text) return old;
    return old.includes('\r\n') ? file.text.replaceAll('\n', '\r\n') : file.text;
  }
  const yaml = before.yamlOf(from);
  const want = meaning(tree, file.key);
  const isMeant = (read: Tree) => sameJson(meaning(read, file.key), want);
  const named = !file.key.startsWith('workflows/') || (isJsonObject(yaml?.data) && yaml.data.id !== undefined);
  if (named && isMeant(before.readable)) return old;
  if (!yaml) return freshText(file);
  const manifest = previousManifest(tree);
  const isRight = (text: string) => {
    const read = readProject({ 'sluice.yaml': manifest, [path]: text }, options.catalog);
    return read.tree !== undefined && isMeant(read.tree);
  };
  const text = spliceYaml(yaml, file.data, file.shape, isRight);
  if (text === undefined) throw new TypeError(`The writer could not write ${path}.`);
  return text;
}

const previousManifest = ({ project }: Tree) => yamlText({ ...project }, () => false);

/** One record, by `kind/id`. A workflow's slug is its file's name, so it is left out. */
function meaning(tree: Tree, key: string): Json | undefined {
  const [kind, ...rest] = key.split('/') as [keyof Tree, ...string[]];
  const id = rest.join('/');
  if (kind === 'project' || kind === 'connections') return tree[kind] as unknown as Json;
  if (kind === 'workflows') return { ...tree.workflows[id], slug: '' } as unknown as Json;
  return (tree[kind] as Record<string, Json>)[id];
}

/** The texts of the pinned data that are in the folder, by hash. */
function pinTexts(previous: ProjectFiles, before: ReadProject): Record<string, string> {
  const texts: Record<string, string> = {};
  for (const [id, steps] of Object.entries(before.readable.pins)) {
    for (const [stepId, { hash }] of Object.entries(steps)) {
      const path = before.fileOf.get(`pins/${id}/${stepId}`);
      if (path !== undefined) texts[hash] = (previous[path] as string).replaceAll('\r\n', '\n');
    }
  }
  return texts;
}

/** Whether a file was read as a record, so that it goes away with its record. */
function isOurs(path: string, tree: Tree, before: ReadProject, wanted: Map<string, WantedFile>): boolean {
  if (path === 'connections.yaml') return Object.keys(before.readable.connections).length > 0;
  if (path.startsWith('scripts/')) return Object.hasOwn(before.readable.scripts, path.slice('scripts/'.length));
  const pin = /^tests\/pins\/[^.]+\.([^.]+)\.json$/.exec(path);
  for (const [key, file] of before.fileOf) {
    if (file !== path) continue;
    if (!pin) return true;
    const [, id = '', stepId = ''] = key.split('/');
    // A pin that the tree still has, but whose text nobody gave us, keeps its file.
    const elsewhere = wanted.has(`tests/pins/${workflowSlugs(tree).get(id)}.${stepId}.json`);
    return tree.pins[id]?.[stepId] === undefined || elsewhere;
  }
  return false;
}

function wantedFiles(tree: Tree, { catalog = {}, pins = {} }: WriteOptions): Map<string, WantedFile> {
  const files = new Map<string, WantedFile>();
  const asData = (value: unknown) => value as JsonObject;
  files.set('sluice.yaml', {
    key: 'project',
    data: asData({ id: tree.project.id, name: tree.project.name, format: tree.project.format }),
    shape: plainShape(['id', 'name', 'format'], []),
  });
  const slugs = workflowSlugs(tree);
  for (const [id, workflow] of Object.entries(tree.workflows)) {
    files.set(`workflows/${slugs.get(id)}.yaml`, {
      key: `workflows/${id}`,
      data: workflowToDisk(id, workflow, catalog),
      shape: workflowShape((stepId) => defaultMode(catalog, workflow.steps[stepId]?.uses)),
    });
  }
  for (const [path, text] of Object.entries(tree.scripts))
    files.set(`scripts/${path}`, { key: `scripts/${path}`, text });
  for (const [slug, machine] of Object.entries(tree.machines)) {
    files.set(`machines/${slug}.yaml`, { key: `machines/${slug}`, data: machine, shape: plainShape([], []) });
  }
  for (const [slug, { vars, bindings }] of Object.entries(tree.environments)) {
    const data: JsonObject = { vars };
    if (Object.keys(bindings).length > 0) data.bindings = bindings;
    const shape = plainShape(['vars', 'bindings'], [], ['vars', 'bindings']);
    files.set(`environments/${slug}.yaml`, { key: `environments/${slug}`, data, shape });
  }
  if (Object.keys(tree.connections).length > 0) {
    files.set('connections.yaml', { key: 'connections', data: asData(tree.connections), shape: plainShape([], []) });
  }
  const caseFields = Object.keys(Case.shape);
  for (const [slug, one] of Object.entries(tree.tests)) {
    const data = asData(
      Object.fromEntries(caseFields.map((key) => [key, asData(one)[key]]).filter(([, value]) => value !== undefined)),
    );
    files.set(`tests/${slug}.yaml`, {
      key: `tests/${slug}`,
      data,
      shape: plainShape(caseFields, ['items', 'effects', 'expect']),
    });
  }
  for (const [id, steps] of Object.entries(tree.pins)) {
    for (const [stepId, { hash }] of Object.entries(steps)) {
      const text = pins[hash];
      const slug = slugs.get(id);
      if (text !== undefined && slug !== undefined) {
        files.set(`tests/pins/${slug}.${stepId}.json`, { key: `pins/${id}/${stepId}`, text });
      }
    }
  }
  return files;
}

/** The file name of each workflow: its slug, and where that is taken twice, the later one with a number. */
export function workflowSlugs(tree: Tree): Map<string, string> {
  const taken = new Set<string>();
  const slugs = new Map<string, string>();
  for (const id of Object.keys(tree.workflows).sort()) {
    const { slug } = tree.workflows[id] as Tree['workflows'][string];
    let name = slug;
    for (let n = 2; taken.has(name); n++) name = `${slug.slice(0, 58)}-${n}`;
    taken.add(name);
    slugs.set(id, name);
  }
  return slugs;
}
