import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { ProjectInfo } from '#shared/contract/host/common.ts';
import { SluiceError } from '#shared/error.ts';
import { writeProject } from '#shared/workflow/files.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import type { CloudClient } from '../account/cloudClient.ts';
import type { HostForCloud } from '../host/cloudServices.ts';
import { writeNewFiles } from '../store/newFiles.ts';
import { checkHead } from './fetchHead.ts';

type CloneDeps = { host: HostForCloud; cloud: CloudClient; projectId: string; dir: string | undefined };

/**
 * Writes a project of a workspace as a folder, and puts it on the list.
 *
 * @throws SluiceError project.exists, file.exists, project.not_found, host.not_supported, disk.failed
 */
export async function cloneProject({
  host,
  cloud,
  projectId,
  dir,
}: CloneDeps): Promise<{ info: ProjectInfo; head: { revision: number; tree: Tree } }> {
  const { folders } = host;
  if (!folders) throw new SluiceError('host.not_supported', 'This program keeps no list of projects.');
  const known = folders.dirOf(projectId);
  if (known !== undefined && existsSync(join(known, 'sluice.yaml'))) {
    throw new SluiceError('project.exists', `This computer has the project already, in ${known}.`, {
      advice: 'Open that one.',
      details: { dir: known, id: projectId },
    });
  }
  const head = await cloud.projects.head({ projectId });
  checkHead(projectId, head);
  const place = dir === undefined ? folders.free(head.tree.project.name) : resolve(dir);
  if (existsSync(place) && readdirSync(place).length > 0) {
    throw new SluiceError('file.exists', `${place} holds something already.`, { advice: 'Choose an empty folder.' });
  }
  await writeNewFiles(place, writeProject(head.tree, { catalog: folders.catalog }));
  return { info: await folders.add(place), head };
}
