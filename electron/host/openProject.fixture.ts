import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { v7 as uuid } from 'uuid';
import { expect, onTestFinished } from 'vitest';
import { catalog } from '#runtime/connectors/registry.ts';
import type { HostEvent } from '#shared/contract/hostApi.ts';
import type { Edit } from '#shared/workflow/edit.ts';
import { openProject, type ProjectDeps } from './projectHost.ts';
import { createFromTemplate } from './templates.ts';

export const FILE = 'workflows/triage.yaml';

/** A project of a template, with a text editor at its main file. */
export async function newProject(change: (text: string) => string = (text) => text) {
  const dir = join(mkdtempSync(join(tmpdir(), 'sluice-host-')), 'project');
  await createFromTemplate({ dir, name: 'Test', template: 'issue-triage' }, { uuid });
  const file = join(dir, FILE);
  const disk = {
    read: () => readFileSync(file, 'utf8'),
    write: (text: string) => writeFileSync(file, text),
    replace: (from: string, to: string) => {
      const text = readFileSync(file, 'utf8');
      expect(text).toContain(from);
      writeFileSync(file, text.replace(from, to));
    },
  };
  disk.write(change(disk.read()));
  return { dir, disk };
}

/** The project as a host has it open; closed when the test ends. */
export async function open(dir: string, more: Partial<ProjectDeps> = {}) {
  const events: HostEvent[] = [];
  const project = await openProject(dir, {
    catalog: catalog(),
    emit: (event) => events.push(event),
    program: 'The test',
    now: Date.now,
    uuid,
    ...more,
  });
  onTestFinished(() => project.close().catch(() => undefined));
  const [workflowId = ''] = Object.entries(project.tree().workflows).find(([, { slug }]) => slug === 'triage') ?? [];
  const step = (stepId: string) => project.tree().workflows[workflowId]?.steps[stepId];
  const set = (stepId: string, path: string[], value: string | number): Edit => ({
    type: 'setConfig',
    workflowId,
    stepId,
    path,
    value,
  });
  return { project, events, workflowId, step, set };
}
