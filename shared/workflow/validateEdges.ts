import { nearest } from '../expression/nearest.ts';
import { inputPorts, outputPorts, type StepCatalog, type StepTypeInfo, stepTypeInfo } from './catalog.ts';
import { type Edge, parseEdge, type Step, type Workflow } from './tree.ts';
import type { Report } from './validateStep.ts';

/** Edges between steps and ports that are there. */
export function checkEdges(workflow: Workflow, catalog: StepCatalog, report: Report): void {
  const into = new Map<string, number>();
  for (const key of Object.keys(workflow.edges)) {
    const edge = parseEdge(key);
    const at = { path: ['edges', key] };
    const wrong = (code: string, message: string, advice: string) => report(at, { code, message, advice });
    const missing = [edge.from, edge.to].filter((stepId) => !Object.hasOwn(workflow.steps, stepId));
    for (const stepId of new Set(missing)) {
      const near = nearest(stepId, Object.keys(workflow.steps));
      wrong(
        'edge.dangling',
        `The edge ${key} leads to a step "${stepId}" that is not there.`.replace(
          'leads to',
          stepId === edge.from ? 'comes from' : 'leads to',
        ),
        near ? `Did you mean "${near}"?` : 'Take the edge out.',
      );
    }
    if (missing.length > 0) continue;
    const source = workflow.steps[edge.from] as Step;
    const target = workflow.steps[edge.to] as Step;
    const from = stepTypeInfo(catalog, source.uses);
    const to = stepTypeInfo(catalog, target.uses);
    if (from) checkPort(edge.outPort, outputPorts(from, source.config), 'output', edge.from, from, wrong);
    if (!to) continue;
    if (to.trigger || inputPorts(to).length === 0) {
      wrong(
        'edge.into_trigger',
        `The edge ${key} leads into "${edge.to}", which starts runs and takes no input.`,
        'Take the edge out.',
      );
      continue;
    }
    checkPort(edge.inPort, inputPorts(to), 'input', edge.to, to, wrong);
    checkSingle(edge, to, into, wrong);
  }
}

type Wrong = (code: string, message: string, advice: string) => void;

function checkPort(
  port: string,
  ports: string[],
  kind: string,
  stepId: string,
  info: StepTypeInfo,
  wrong: Wrong,
): void {
  if (ports.includes(port)) return;
  const there = ports.length === 0 ? 'It has none.' : `It has ${ports.map((one) => `"${one}"`).join(', ')}.`;
  const near = nearest(port, ports);
  wrong(
    'edge.port_unknown',
    `"${stepId}" (${info.title}) has no ${kind} port "${port}".`,
    near ? `Did you mean "${near}"? ${there}` : there,
  );
}

function checkSingle(edge: Edge, info: StepTypeInfo, into: Map<string, number>, wrong: Wrong): void {
  if (!info.singleInputs?.includes(edge.inPort)) return;
  const port = `${edge.to}.${edge.inPort}`;
  into.set(port, (into.get(port) ?? 0) + 1);
  if ((into.get(port) as number) > 1) {
    wrong(
      'edge.port_taken',
      `The port "${edge.inPort}" of "${edge.to}" takes one edge only.`,
      'Take one of the edges out.',
    );
  }
}

/** Triggers, and the steps that they lead to. */
export function checkReach(workflow: Workflow, catalog: StepCatalog, report: Report): void {
  const steps = Object.entries(workflow.steps);
  if (steps.length === 0) return;
  const isTrigger = (step: Step) => stepTypeInfo(catalog, step.uses)?.trigger ?? step.uses.startsWith('trigger.');
  const reached = new Set(steps.filter(([, step]) => isTrigger(step)).map(([stepId]) => stepId));
  if (reached.size === 0) {
    report(
      { path: ['steps'], part: 'key' },
      {
        code: 'workflow.no_trigger',
        message: 'Nothing starts this workflow.',
        advice: 'Add a trigger, for example a manual one.',
      },
    );
    return;
  }
  const next = new Map<string, string[]>();
  for (const key of Object.keys(workflow.edges)) {
    const { from, to } = parseEdge(key);
    next.set(from, [...(next.get(from) ?? []), to]);
  }
  for (const stepId of reached) for (const to of next.get(stepId) ?? []) reached.add(to);
  for (const [stepId] of steps) {
    if (reached.has(stepId)) continue;
    const advice = 'Connect it, or take it out.';
    report(
      { path: ['steps', stepId], part: 'key' },
      {
        severity: 'warning',
        code: 'step.not_reached',
        message: `No trigger leads to "${stepId}", so it never runs.`,
        advice,
      },
    );
  }
}
