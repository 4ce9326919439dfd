import type { z } from 'zod';
import { SluiceError } from '../error.ts';
import { nearest } from '../expression/nearest.ts';
import { ScriptPath, Slug, StepId, Uuid } from '../ids.ts';
import { issueWords } from '../issueWords.ts';
import { isJsonObject, type Json, type JsonObject } from '../json.ts';
import type { StepCatalog } from './catalog.ts';
import { SETTING_FIELDS, STEP_FIELDS, TEXTUAL, WORKFLOW_FIELDS, workflowTextual } from './fileShapes.ts';
import { derivedId, sha256Hex } from './hash.ts';
import { withWorkflowIds } from './machine.ts';
import { storable } from './plainData.ts';
import type { Problem } from './problem.ts';
import { createRecordCache, readYamlOnce } from './readCache.ts';
import { createSources, type ReadFile, type Sources } from './sources.ts';
import { Case, Environment, Tree, Workflow } from './tree.ts';
import { checkFormat } from './upgrades.ts';
import { type WorkflowCandidate, workflowFromDisk } from './workflowFile.ts';
import type { readYaml, YamlFile, YamlPath } from './yamlFile.ts';

/** A project's files: text by path below its folder, with `/`. */
export type ProjectFiles = Record<string, string>;

export type ReadProject = {
  /** Absent where a file could not be read; then the last good tree stays in use and that file is not written. */
  tree?: Tree;
  /** The records that could be read, whether or not all could. Never to be taken for the whole project. */
  readable: Tree;
  /** What keeps files from being read. Whether the workflows make sense is for `validateTree`. */
  problems: Problem[];
  sources: Sources;
  /** Paths of the files that could not be read. */
  unreadable: Set<string>;
  /** The file of each record, by `kind/id`, e.g. `workflows/<id>`. */
  fileOf: Map<string, string>;
  yamlOf(path: string): YamlFile | undefined;
};

const MAX_TREE = 20_000_000;
const workflowOnce = createRecordCache<{ candidate: WorkflowCandidate; isRight: boolean }>();
const dict = <T>(): Record<string, T> => Object.create(null) as Record<string, T>;

/**
 * Reads a project's folder. Never throws for what the files say: everything wrong is a problem with file, line, column
 * and advice.
 *
 * @param catalog the step types there are; they say which `mode` a step has by default and which fields are text
 */
export function readProject(files: ProjectFiles, catalog: StepCatalog = {}): ReadProject {
  const problems: Problem[] = [];
  const unreadable = new Set<string>();
  const read = new Map<string, ReadFile>();
  const fileOf = new Map<string, string>();
  const sources = createSources(read, fileOf);
  const tree: Tree = {
    project: { id: '', name: '', format: 1 },
    workflows: dict(),
    scripts: dict(),
    machines: dict(),
    environments: dict(),
    connections: dict(),
    tests: dict(),
    pins: dict(),
  };
  const result = {
    readable: tree,
    problems,
    sources,
    unreadable,
    fileOf,
    yamlOf: (path: string) => read.get(path)?.yaml,
  };
  const report = (
    file: string,
    at: { line: number; column: number },
    found: Omit<Problem, 'file' | 'line' | 'column'>,
  ) => {
    problems.push({ file, ...at, ...found });
    if (found.severity === 'error') unreadable.add(file);
  };
  const start = { line: 1, column: 1 };
  const error = (file: string, code: string, message: string, advice: string) =>
    report(file, start, { severity: 'error', code, message, advice });

  const total = Object.values(files).reduce((sum, text) => sum + text.length, 0);
  if (total > MAX_TREE) {
    error(
      'sluice.yaml',
      'project.too_large',
      `The project has ${total} characters; at most 20 MB is read.`,
      'Take files out of it.',
    );
    return result;
  }

  /** The data of a YAML file as an object, or undefined with the reason reported. */
  function open(
    path: string,
    kind: string,
    textual: Parameters<typeof readYaml>[1],
  ): { yaml: YamlFile; data: JsonObject } | undefined {
    const yaml = readYamlOnce(files[path] as string, kind, catalog, textual);
    read.set(path, { yaml });
    for (const { offset, ...fault } of yaml.faults) report(path, yaml.lines.at(offset), fault);
    if (yaml.data === undefined) return undefined;
    if (isJsonObject(yaml.data)) return { yaml, data: yaml.data };
    error(
      path,
      'file.invalid',
      'The file must hold named fields ("name: value").',
      'Compare it with the examples in the documentation.',
    );
    return undefined;
  }

  /** Checks a value against its schema, and reports each thing that is wrong where it stands. */
  function check(
    path: string,
    yaml: YamlFile,
    schema: z.ZodType,
    value: unknown,
    prefix: YamlPath,
    workflowId?: string,
  ): boolean {
    const outcome = schema.safeParse(value);
    if (outcome.success) return true;
    for (const issue of outcome.error.issues.slice(0, 20)) {
      const at = [...prefix, ...issue.path.map((key) => (typeof key === 'number' ? key : String(key)))];
      const stepId = workflowId !== undefined && at[0] === 'steps' ? at[1] : undefined;
      const place = {
        ...(workflowId === undefined ? {} : { workflowId }),
        ...(stepId === undefined ? {} : { stepId: String(stepId) }),
      };
      const unknown = issue.code === 'unrecognized_keys' ? issue.keys : [undefined];
      for (const key of unknown) {
        const whole = key === undefined ? at : [...at, key];
        const field = whole.slice(stepId === undefined ? 0 : 2).join('.');
        const known = key === undefined ? undefined : nearest(key, fieldsAt(at, workflowId !== undefined));
        report(path, yaml.lines.at(yaml.offsetOf(whole, key === undefined ? 'value' : 'key')), {
          severity: 'error',
          code: key === undefined ? 'field.invalid' : 'field.unknown',
          ...place,
          ...(field === '' ? {} : { field }),
          message: key === undefined ? issueText(issue, field) : `There is no field "${key}" here.`,
          advice: known ? `Did you mean "${known}"?` : key === undefined ? 'Correct the value.' : 'Take it out.',
        });
      }
    }
    return false;
  }

  if (files['sluice.yaml'] === undefined) {
    error(
      'sluice.yaml',
      'project.not_found',
      'This folder has no sluice.yaml, so it is not a project.',
      'Make one with "sluice new", or open another folder.',
    );
    return result;
  }
  const manifest = open('sluice.yaml', 'project', TEXTUAL.project);
  if (manifest) {
    try {
      checkFormat(manifest.data.format);
      if (check('sluice.yaml', manifest.yaml, Tree.shape.project, manifest.data, [])) {
        tree.project = manifest.data as unknown as Tree['project'];
      }
    } catch (thrown) {
      if (!(thrown instanceof SluiceError)) throw thrown;
      const at = manifest.yaml.lines.at(manifest.yaml.offsetOf(['format']));
      report('sluice.yaml', at, {
        severity: 'error',
        code: thrown.code,
        message: thrown.message,
        advice: thrown.advice ?? '',
      });
    }
  }

  const paths = Object.keys(files).sort();
  const named = (folder: string, path: string) =>
    path.startsWith(`${folder}/`) && path.endsWith('.yaml') ? path.slice(folder.length + 1, -5) : undefined;
  const slugFault = (path: string, slug: string) => {
    if (Slug.safeParse(slug).success) return false;
    error(
      path,
      'file.name_invalid',
      `"${slug}" is not a name for a file here.`,
      'Use only a-z, 0-9 and -, beginning with a letter or digit.',
    );
    return true;
  };

  const opened: { path: string; slug: string; id: string; yaml: YamlFile; data: JsonObject }[] = [];
  for (const path of paths) {
    const slug = named('workflows', path);
    if (slug === undefined || slugFault(path, slug)) continue;
    const file = open(path, 'workflows', workflowTextual(catalog));
    if (!file) continue;
    const given = file.data.id;
    if (given !== undefined && !Uuid.safeParse(given).success) {
      check(path, file.yaml, Uuid, given, ['id']);
      continue;
    }
    opened.push({ path, slug, id: (given as string | undefined) ?? derivedId(tree.project.id, path), ...file });
  }
  const idOfSlug = new Map(opened.map(({ slug, id }) => [slug, id]));
  for (const { path, slug, id, yaml, data } of opened) {
    const first = fileOf.get(`workflows/${id}`);
    if (first !== undefined) {
      const advice = 'Take the "id:" line out of the copy; it gets one of its own.';
      report(path, yaml.lines.at(yaml.offsetOf(['id'])), {
        severity: 'error',
        code: 'workflow.id_taken',
        message: `${first} has the same id.`,
        advice,
        workflowId: id,
      });
      continue;
    }
    fileOf.set(`workflows/${id}`, path);
    const lookup = (name: string) => idOfSlug.get(name);
    const { candidate, isRight } = workflowOnce(data, slug, catalog, lookup, (idOf) => {
      const made = workflowFromDisk(data, slug, catalog, idOf);
      return { candidate: made, isRight: Workflow.safeParse(made.workflow).success };
    });
    read.set(path, { yaml, edgeAt: candidate.edgeAt });
    for (const { path: at, ...fault } of candidate.faults) {
      report(path, yaml.lines.at(yaml.offsetOf(at)), { severity: 'error', ...fault, workflowId: id });
    }
    if (isRight || check(path, yaml, Workflow, candidate.workflow, [], id))
      tree.workflows[id] = candidate.workflow as unknown as Workflow;
  }

  for (const path of paths) {
    const text = files[path] as string;
    if (path.startsWith('scripts/')) {
      const name = path.slice('scripts/'.length);
      const script = text.replaceAll('\r\n', '\n');
      if (!ScriptPath.safeParse(name).success) {
        const advice = 'Name it like "score.ts", "score.js" or "score.py".';
        report(path, start, {
          severity: 'warning',
          code: 'file.ignored',
          message: 'This is not a script, so it is not read.',
          advice,
        });
      } else if (script.length > 500_000)
        error(path, 'file.too_large', 'The script is longer than 500,000 characters.', 'Split it.');
      else if (!storable(script))
        error(path, 'file.syntax', 'The script holds characters that are not text.', 'Save it as UTF-8.');
      else tree.scripts[name] = script;
      continue;
    }
    const environment = named('environments', path);
    const machine = named('machines', path);
    const test = named('tests', path);
    const slug = environment ?? machine ?? test;
    if (slug !== undefined) {
      if (slugFault(path, slug)) continue;
      const kind = environment !== undefined ? 'environments' : machine !== undefined ? 'machines' : 'tests';
      fileOf.set(`${kind}/${slug}`, path);
      const file = open(
        path,
        kind,
        kind === 'environments' ? TEXTUAL.environment : kind === 'tests' ? TEXTUAL.case : {},
      );
      if (!file) continue;
      if (kind === 'environments') {
        const value = { ...file.data, vars: file.data.vars ?? dict(), bindings: file.data.bindings ?? dict() };
        if (check(path, file.yaml, Environment, value, []))
          tree.environments[slug] = Object.assign(dict<Json>(), value) as unknown as Environment;
      } else if (kind === 'machines') tree.machines[slug] = withWorkflowIds(file.data, idOfSlug) as JsonObject;
      else {
        const { workflow } = file.data;
        const id = typeof workflow === 'string' ? idOfSlug.get(workflow) : undefined;
        const value = Object.assign(dict<Json>(), file.data, id === undefined ? {} : { workflow: id });
        if (check(path, file.yaml, Case, value, [])) tree.tests[slug] = value as unknown as Case;
      }
    } else if (path === 'connections.yaml') {
      const yaml = readYamlOnce(text, 'connections', catalog, TEXTUAL.connections);
      const empty = yaml.data === null;
      const file = empty ? undefined : open(path, 'connections', TEXTUAL.connections);
      if (empty) read.set(path, { yaml });
      if (file && check(path, file.yaml, Tree.shape.connections, file.data, [])) {
        tree.connections = file.data as unknown as Tree['connections'];
      }
    } else if (path.startsWith('tests/pins/') && path.endsWith('.json')) {
      const [slug = '', stepId = ''] = path.slice('tests/pins/'.length, -'.json'.length).split('.');
      const id = idOfSlug.get(slug);
      if (id === undefined || !StepId.safeParse(stepId).success) {
        const advice = 'Name it "<workflow>.<stepId>.json", or delete it.';
        report(path, start, {
          severity: 'warning',
          code: 'file.ignored',
          message: 'These pinned data belong to no workflow here.',
          advice,
        });
        continue;
      }
      const content = text.replaceAll('\r\n', '\n');
      if (!isJsonText(content)) {
        error(path, 'file.syntax', 'The pinned data are not JSON.', 'Correct the file or delete it.');
        continue;
      }
      fileOf.set(`pins/${id}/${stepId}`, path);
      tree.pins[id] ??= dict();
      (tree.pins[id] as Record<string, unknown>)[stepId] = { hash: sha256Hex(content), bytes: byteLength(content) };
    } else if (/^(?:workflows|environments|machines|tests)\/[^/]+\.yml$/.test(path)) {
      report(path, start, {
        severity: 'warning',
        code: 'file.ignored',
        message: 'Only files that end in .yaml are read.',
        advice: 'Rename it.',
      });
    }
  }
  if (unreadable.size > 0) return result;
  return { tree, ...result };
}

function isJsonText(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** The length of a text in UTF-8. */
export function byteLength(text: string): number {
  let bytes = 0;
  for (const letter of text) {
    const point = letter.codePointAt(0) as number;
    bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  }
  return bytes;
}

function fieldsAt(path: YamlPath, inWorkflow: boolean): readonly string[] {
  if (!inWorkflow) return [];
  if (path.length === 0) return WORKFLOW_FIELDS;
  if (path[0] === 'settings' && path.length === 1) return SETTING_FIELDS;
  return path[0] === 'steps' && path.length === 2 ? STEP_FIELDS : [];
}

function issueText(issue: z.core.$ZodIssue, field: string): string {
  const name = field === '' ? 'The value' : `"${field}"`;
  if (/received undefined$/.test(issue.message)) return `${name} is missing.`;
  if (issue.code === 'invalid_value')
    return `${name} must be one of ${issue.values.map((one) => JSON.stringify(one)).join(', ')}.`;
  if (issue.code === 'invalid_key')
    return `${name} is not allowed as a name: it ${issue.issues[0]?.message ?? 'is not valid'}.`;
  return `${name} ${/^must/.test(issue.message) ? issue.message : `is not right: ${issueWords(issue)}`}.`;
}
