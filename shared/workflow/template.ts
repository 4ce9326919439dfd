import type { ProjectFiles } from './readProject.ts';
import { parseEdge, type Workflow } from './tree.ts';

/** A template's files with ids of their own, so that two projects of one template are two. */
export function withNewIds(files: ProjectFiles, uuid: () => string): ProjectFiles {
  const ids = new Map<string, string>();
  const renewed: ProjectFiles = {};
  for (const [path, text] of Object.entries(files)) {
    renewed[path] = text.replace(
      /\b[0-9a-f]{8}-[0-9a-f]{4}-[78][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\b/g,
      (id) => {
        const fresh = ids.get(id) ?? uuid();
        ids.set(id, fresh);
        return fresh;
      },
    );
  }
  return renewed;
}

/** The step types from the first trigger on, by the first way out of each step. */
export function mainLine(workflow: Workflow): string[] {
  const edges = Object.keys(workflow.edges).map(parseEdge);
  const uses: string[] = [];
  const seen = new Set<string>();
  let at = Object.keys(workflow.steps).find((id) => !edges.some(({ to }) => to === id));
  while (at !== undefined && !seen.has(at) && uses.length < 8) {
    seen.add(at);
    uses.push(workflow.steps[at]?.uses ?? '');
    const from: string = at;
    at = edges.find((edge) => edge.from === from && edge.outPort !== 'error')?.to;
  }
  return uses;
}
