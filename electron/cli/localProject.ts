import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { z } from 'zod';
import { catalog } from '#runtime/connectors/registry.ts';
import { BoundConnection } from '#shared/contract/agentApi.ts';
import { SluiceError } from '#shared/error.ts';
import { Slug } from '#shared/ids.ts';
import { parse } from '#shared/parse.ts';
import { workflowSlugs } from '#shared/workflow/files.ts';
import type { Problem } from '#shared/workflow/problem.ts';
import { readProject } from '#shared/workflow/readProject.ts';
import type { Item, Tree } from '#shared/workflow/tree.ts';
import { validateTree } from '#shared/workflow/validate.ts';
import { connectionsOf } from '../host/newRun.ts';
import { withPackages } from '../packages/packProject.ts';
import { readProjectFolder } from '../store/projectFolder.ts';
import { type CliContext, readJsonInput } from './context.ts';

/** A project as its folder says it now. Nothing of it is executed by reading it. */
export type LocalProject = {
  dir: string;
  tree: Tree;
  problems: Problem[];
  pinned(workflowId: string, stepId: string): Item[];
};

/**
 * Everything that is wrong with a project's files. Where one cannot be read, what depends on it is not judged.
 *
 * @throws SluiceError project.not_found
 */
export async function inspectFolder(
  dir: string,
): Promise<{ tree?: Tree; problems: Problem[]; files: Record<string, string> }> {
  const { files, refused } = await readProjectFolder(dir);
  const { tree, problems, sources } = readProject(files, catalog());
  const links = refused.map(({ file, message }) => ({
    ...{ file, line: 1, column: 1, severity: 'error' as const, code: 'file.refused', message },
    advice: 'Put a regular file there, or take it away.',
  }));
  const found = [...links, ...problems];
  return tree
    ? { tree, problems: [...found, ...validateTree(tree, catalog(), sources)], files }
    : { problems: found, files };
}

/** @throws SluiceError project.not_found; project.invalid where a file cannot be read */
export async function loadProject(context: CliContext, folder: string): Promise<LocalProject> {
  const dir = resolve(context.cwd, folder);
  const { tree, problems, files } = await inspectFolder(dir);
  if (!tree) {
    const [first] = problems.filter((problem) => problem.severity === 'error');
    throw new SluiceError('project.invalid', `${first?.file}:${first?.line}: ${first?.message}`, {
      advice: first?.advice,
    });
  }
  const slugs = workflowSlugs(tree);
  return {
    dir,
    tree,
    problems,
    pinned: (workflowId, stepId) => {
      const text = files[`tests/pins/${slugs.get(workflowId)}.${stepId}.json`];
      return text === undefined ? [] : (JSON.parse(text) as Item[]);
    },
  };
}

/**
 * A project to run: with the packages that its scripts import.
 *
 * @param workflow the one that is to run, by id, file name or name; absent: any may
 * @throws SluiceError as loadProject; workflow.not_found; package.not_installed, package.not_locked, package.not_supported
 */
export async function loadForRun(context: CliContext, folder: string, workflow?: string): Promise<LocalProject> {
  const project = await loadProject(context, folder);
  const only = workflow === undefined ? undefined : findWorkflow(project.tree, workflow);
  return { ...project, tree: await withPackages(project.dir, project.tree, only) };
}

/** A workflow by id, file name or name. @throws SluiceError workflow.not_found */
export function findWorkflow(tree: Tree, wanted: string): string {
  const all = Object.entries(tree.workflows);
  const found = all.find(
    ([id, { slug, name }]) => id === wanted || slug === wanted.replace(/\.yaml$/, '') || name === wanted,
  );
  if (found) return found[0];
  throw new SluiceError('workflow.not_found', `The project has no workflow "${wanted}".`, {
    advice: all.length > 0 ? `It has ${all.map(([, { slug }]) => slug).join(', ')}.` : 'It has no workflow at all.',
  });
}

/**
 * The connections for a command: those set up on this computer, and on top of them those of a file that stands outside of
 * the project, which is how a build machine brings its secrets.
 */
export async function commandConnections(
  context: CliContext,
  tree: Tree,
  environment: string,
  file: string | undefined,
): Promise<Record<string, BoundConnection>> {
  const { secrets } = await context.services();
  const known = connectionsOf(tree, Object.keys(tree.connections), environment, (record) =>
    secrets.get(tree.project.id, record),
  );
  if (file === undefined) return known;
  const advice = 'Give an object: for each name { "connector", "secret", "hosts" }.';
  const text = (path: string) => readFile(resolve(context.cwd, path), 'utf8');
  const read = await readJsonInput(context, file, text, advice);
  return { ...known, ...parse(z.record(Slug, BoundConnection), read, file) };
}
