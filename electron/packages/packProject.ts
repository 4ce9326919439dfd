import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { importsPackage, PACKED_PATH } from '#runtime/sandbox/packages.ts';
import { WHEELS_PATH } from '#runtime/sandbox/wheels.ts';
import { applyEdit, type Edit } from '#shared/workflow/edit.ts';
import type { Tree } from '#shared/workflow/tree.ts';

/**
 * What has to change in a project so that it carries the packages that its scripts import, and its wheels.
 *
 * @param dir the project's folder; it is only read
 * @throws SluiceError package.not_installed, package.not_locked, package.not_supported, code.syntax
 */
export async function packProject(dir: string, tree: Tree): Promise<Edit[]> {
  return [...(await packJavaScript(dir, tree)), ...(await packPython(dir, tree))];
}

/**
 * As packProject, for a run: what cannot be packed stops only those who want it.
 *
 * @param workflowId the workflow that is to run; absent: any may
 */
export async function packForRun(dir: string, tree: Tree, workflowId?: string): Promise<Edit[]> {
  const unless = (wanted: () => Promise<boolean>) => async (thrown: unknown) => {
    if (workflowId === undefined || (await wanted())) throw thrown;
    return [];
  };
  const wantsPackages = async () => {
    const { packageImports } = await import('./importsOf.ts');
    return Object.keys(packageImports(tree, workflowId === undefined ? undefined : [workflowId])).length > 0;
  };
  const runsPython = async () =>
    Object.values(tree.workflows[workflowId ?? '']?.steps ?? {}).some(({ uses }) => uses === 'code.python');
  return [
    ...(await packJavaScript(dir, tree).catch(unless(wantsPackages))),
    ...(await packPython(dir, tree).catch(unless(runsPython))),
  ];
}

/** The project with its packages and wheels, for a run. @throws SluiceError as packProject */
export async function withPackages(dir: string, tree: Tree, workflowId?: string): Promise<Tree> {
  const edits = await packForRun(dir, tree, workflowId);
  return edits.reduce(applyEdit, tree);
}

// Both are loaded when they are needed first: a bundler and a reader of TypeScript are much for those who import nothing.

async function packJavaScript(dir: string, tree: Tree): Promise<Edit[]> {
  const mayImport = Object.entries(tree.scripts).some(
    ([path, text]) => `scripts/${path}` === PACKED_PATH || (!path.endsWith('.py') && importsPackage(text)),
  );
  if (!mayImport) return [];
  const { packNpm } = await import('./packNpm.ts');
  return packNpm(dir, tree);
}

async function packPython(dir: string, tree: Tree): Promise<Edit[]> {
  const carries = Object.hasOwn(tree.scripts, WHEELS_PATH.slice('scripts/'.length));
  if (!carries && !existsSync(join(dir, 'scripts/wheels'))) return [];
  const { packWheels } = await import('./packWheels.ts');
  return packWheels(dir, tree);
}
