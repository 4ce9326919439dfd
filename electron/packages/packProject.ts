import { importsPackage, PACKED_PATH } from '#runtime/sandbox/packages.ts';
import { applyEdit, type Edit } from '#shared/workflow/edit.ts';
import type { Tree } from '#shared/workflow/tree.ts';

/**
 * What has to change in a project so that it carries the packages that its scripts import.
 *
 * @param dir the project's folder; it is only read
 * @throws SluiceError package.not_installed, package.not_locked, package.not_supported, code.syntax
 */
export async function packProject(dir: string, tree: Tree): Promise<Edit[]> {
  if (!mayWantNpm(tree)) return [];
  // Loaded when it is needed first: a bundler and a reader of TypeScript are much for those who import nothing.
  const { packNpm } = await import('./packNpm.ts');
  return packNpm(dir, tree);
}

/**
 * As packProject, for a run: nothing where packing fails and the workflow's own scripts want nothing.
 *
 * @param workflowId the workflow that is to run; absent: any may
 */
export async function packForRun(dir: string, tree: Tree, workflowId?: string): Promise<Edit[]> {
  try {
    return await packProject(dir, tree);
  } catch (thrown) {
    const { packageImports } = await import('./importsOf.ts');
    if (workflowId !== undefined && Object.keys(packageImports(tree, [workflowId])).length === 0) return [];
    throw thrown;
  }
}

/** The project with its packages, for a run. @throws SluiceError as packProject */
export async function withPackages(dir: string, tree: Tree, workflowId?: string): Promise<Tree> {
  const edits = await packForRun(dir, tree, workflowId);
  return edits.reduce(applyEdit, tree);
}

function mayWantNpm({ scripts }: Tree): boolean {
  return Object.entries(scripts).some(
    ([path, text]) => `scripts/${path}` === PACKED_PATH || (!path.endsWith('.py') && importsPackage(text)),
  );
}
