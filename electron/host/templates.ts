import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Template } from '#shared/contract/host/projects.ts';
import { SluiceError } from '#shared/error.ts';
import { Slug } from '#shared/ids.ts';
import { parse } from '#shared/parse.ts';
import { writeProject } from '#shared/workflow/files.ts';
import { readProject } from '#shared/workflow/readProject.ts';
import { mainLine, withNewIds } from '#shared/workflow/template.ts';
import type { Workflow } from '#shared/workflow/tree.ts';
import { readYaml } from '#shared/workflow/yamlFile.ts';
import { diskFailure, writeFileAtomic } from '../store/atomicFile.ts';
import { readProjectFolder } from '../store/projectFolder.ts';

/** Beside this file, as a checkout and as a bundle have it. */
const TEMPLATES_DIR = join(import.meta.dirname, 'templates');

const About = z.strictObject({ title: z.string(), description: z.string(), order: z.int() });

/** The projects one may start from, in the order in which they are shown. */
export async function listTemplates(templatesDir = TEMPLATES_DIR): Promise<Template[]> {
  const names = (await readdir(templatesDir)).filter((name) => Slug.safeParse(name).success);
  const all = await Promise.all(
    names.map(async (name) => {
      const text = await readFile(join(templatesDir, name, 'template.yaml'), 'utf8');
      const { title, description, order } = parse(About, readYaml(text).data, `${name}/template.yaml`, 'internal');
      const { tree } = readProject((await readProjectFolder(join(templatesDir, name))).files);
      const [main, ...others] = Object.values(tree?.workflows ?? {}).sort((a, b) => size(b) - size(a));
      const uses = main ? mainLine(main) : [];
      const stepCount = [main, ...others].reduce((sum, workflow) => sum + (workflow ? size(workflow) : 0), 0);
      return { order, template: { name, title, description, stepCount, uses } };
    }),
  );
  return all.sort((a, b) => a.order - b.order).map(({ template }) => template);
}

/**
 * Makes a project in a folder that is empty or not there yet. Ids are new, so that two projects of one template are two.
 *
 * @throws SluiceError template.not_found, project.exists, disk.failed
 */
export async function createFromTemplate(
  wanted: { dir: string; name: string; template: string },
  { uuid, templatesDir = TEMPLATES_DIR }: { uuid(): string; templatesDir?: string },
): Promise<void> {
  const { dir, name, template } = wanted;
  const known = await listTemplates(templatesDir);
  if (!known.some((one) => one.name === template)) {
    throw new SluiceError('template.not_found', `There is no template "${template}".`, {
      advice: `Choose one of ${known.map((one) => one.name).join(', ')}.`,
    });
  }
  const present = await readdir(dir).catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code === 'ENOENT') return [];
    throw diskFailure(dir, thrown);
  });
  if (present.some((entry) => entry !== '.git')) {
    throw new SluiceError('project.exists', `${dir} is not empty.`, {
      advice: 'Name a folder that is empty or not there yet, or open the one that is there.',
    });
  }
  const { files } = await readProjectFolder(join(templatesDir, template));
  const fresh = withNewIds(files, uuid);
  const { tree } = readProject(fresh);
  if (!tree) throw new TypeError(`The template ${template} cannot be read.`);
  const fixed = writeProject(tree);
  for (const path of ['.gitignore', '.gitattributes']) fresh[path] = fixed[path] as string;
  fresh['sluice.yaml'] = `id: ${tree.project.id}\nname: ${JSON.stringify(name)}\nformat: 1\n`;
  // The manifest last: a folder is a project once it is there, and a crash before leaves none.
  const paths = Object.keys(fresh).sort((a, b) => Number(a === 'sluice.yaml') - Number(b === 'sluice.yaml'));
  for (const path of paths) {
    const full = join(dir, path);
    await mkdir(join(full, '..'), { recursive: true }).catch((thrown: unknown) => {
      throw diskFailure(full, thrown);
    });
    await writeFileAtomic(full, fresh[path] as string);
  }
}

const size = (workflow: Workflow) => Object.keys(workflow.steps).length;
