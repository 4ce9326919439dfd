import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { z } from 'zod';
import type { Template } from '#shared/contract/host/projects.ts';
import { SluiceError } from '#shared/error.ts';
import { Slug } from '#shared/ids.ts';
import { parse } from '#shared/parse.ts';
import { type ProjectFiles, readProject } from '#shared/workflow/readProject.ts';
import { mainLine, withNewIds } from '#shared/workflow/template.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import { readYaml } from '#shared/workflow/yamlFile.ts';

const About = z.strictObject({ title: z.string(), description: z.string(), order: z.int() });

/** The same templates as the desktop's: beside the bundled program, or in the checkout. */
export function findTemplates(): string {
  const beside = join(import.meta.dirname, 'templates');
  return existsSync(beside) ? beside : join(import.meta.dirname, '../../electron/host/templates');
}

/** The projects one may start from, in the order in which they are shown. */
export async function listTemplates(templatesDir: string): Promise<Template[]> {
  const names = (await readdir(templatesDir)).filter((name) => Slug.safeParse(name).success);
  const all = await Promise.all(
    names.map(async (name) => {
      const files = await readFolder(join(templatesDir, name));
      const about = readYaml(files['template.yaml'] ?? '').data;
      const { title, description, order } = parse(About, about, `${name}/template.yaml`, 'internal');
      const workflows = Object.values(readProject(projectOnly(files)).tree?.workflows ?? {});
      const sizes = workflows.map(({ steps }) => Object.keys(steps).length);
      const main = workflows[sizes.indexOf(Math.max(...sizes))];
      const stepCount = sizes.reduce((sum, size) => sum + size, 0);
      return { order, template: { name, title, description, stepCount, uses: main ? mainLine(main) : [] } };
    }),
  );
  return all.sort((a, b) => a.order - b.order).map(({ template }) => template);
}

/**
 * The tree of a new project that begins as a template does, with ids of its own.
 *
 * @throws SluiceError template.not_found
 */
export async function treeFromTemplate(
  wanted: { name: string; template: string },
  { uuid, templatesDir }: { uuid(): string; templatesDir: string },
): Promise<Tree> {
  const { name, template } = wanted;
  const names = await readdir(templatesDir);
  if (!names.includes(template)) {
    throw new SluiceError('template.not_found', `There is no template "${template}".`, {
      advice: `Choose one of ${names.join(', ')}.`,
    });
  }
  const { tree } = readProject(withNewIds(projectOnly(await readFolder(join(templatesDir, template))), uuid));
  if (!tree) throw new TypeError(`The template ${template} cannot be read.`);
  return { ...tree, project: { ...tree.project, name } };
}

const projectOnly = ({ 'template.yaml': _about, ...files }: ProjectFiles): ProjectFiles => files;

async function readFolder(dir: string): Promise<ProjectFiles> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const texts = await Promise.all(
    files.map(async (file) => [relative(dir, file).replaceAll(sep, '/'), await readFile(file, 'utf8')] as const),
  );
  return Object.fromEntries(texts);
}
