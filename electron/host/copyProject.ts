import type { StepCatalog } from '#shared/workflow/catalog.ts';
import { projectFiles } from '#shared/workflow/files.ts';
import { writeNewFiles } from '../store/newFiles.ts';
import { readProjectFolder } from '../store/projectFolder.ts';
import type { OpenProject } from './projectHost.ts';

/**
 * Writes what a project is now into a folder that is not there yet, under an id and a name of its own. Its files are copied
 * as they are, with comments and also those that cannot be read; one that is gone is written anew.
 *
 * @throws SluiceError disk.failed
 */
export async function copyProject(
  project: OpenProject,
  dir: string,
  about: { id: string; name: string },
  catalog: StepCatalog,
): Promise<void> {
  const { files } = await readProjectFolder(project.dir, { even: true });
  const tree = { ...project.tree(), project: { ...project.tree().project, ...about } };
  const texts: Record<string, string | null> = { ...files, ...projectFiles(tree, files, { catalog }) };
  await writeNewFiles(dir, texts);
}
