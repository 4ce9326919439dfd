import { SluiceError } from '../error.ts';
import { compileExpression, isExpression } from '../expression/expression.ts';
import { issueWords } from '../issueWords.ts';
import { isJsonObject, type Json } from '../json.ts';
import { Machine, transitionsOf } from './machine.ts';
import type { Tree } from './tree.ts';

/** Something wrong with a machine: where in its file, what, and what to do. */
export type MachineProblem = {
  severity: 'error' | 'warning';
  code: 'machine.invalid' | 'machine.unreachable' | 'machine.unheard';
  path: (string | number)[];
  message: string;
  advice: string;
};

/** Looks through one machine of a project. */
export function checkMachine(tree: Tree, slug: string): MachineProblem[] {
  const parsed = Machine.safeParse(tree.machines[slug]);
  if (!parsed.success) {
    return parsed.error.issues.slice(0, 20).map((issue) => ({
      severity: 'error',
      code: 'machine.invalid',
      path: issue.path.map((part) => (typeof part === 'number' ? part : String(part))),
      message: `The machine ${slug} is not as expected: ${issueWords(issue)}.`,
      advice: 'See docs/machines.md for what a machine may hold.',
    }));
  }
  const machine = parsed.data;
  const found: MachineProblem[] = [];
  const states = Object.keys(machine.states);
  const error = (path: (string | number)[], message: string, advice: string) =>
    found.push({ severity: 'error', code: 'machine.invalid', path, message, advice });

  const mustBeState = (name: string | undefined, path: (string | number)[]) => {
    if (name === undefined || states.includes(name)) return;
    error(path, `The machine ${slug} has no state ${name}.`, `It has ${states.join(', ')}.`);
  };
  mustBeState(machine.initial, ['initial']);
  mustBeState(machine.onFailure, ['onFailure']);
  for (const [name, state] of Object.entries(machine.states)) {
    if (state.final && (state.on || state.after)) {
      error(
        ['states', name],
        `The state ${name} is final, and still something leaves it.`,
        'Take final away, or what leaves it.',
      );
    }
  }
  for (const { from, event, way } of transitionsOf(machine)) {
    const path = ['states', from, ...(event === 'after' ? ['after'] : ['on', event])];
    mustBeState(way.target, [...path, 'target']);
    for (const field of ['action', 'undo'] as const) {
      const workflow = way[field];
      if (workflow !== undefined && !Object.hasOwn(tree.workflows, workflow)) {
        error(
          [...path, field],
          `The ${field} of ${from} on ${event} is no workflow of this project.`,
          'Give the id of one.',
        );
      }
    }
    if (way.undo && !way.action)
      error([...path, 'undo'], 'There is no action that undo could take back.', 'Add an action.');
    for (const text of [way.when, ...textsOf(way.set ?? {})]) {
      const why = text === undefined ? undefined : faultOf(text);
      if (why) error(path, `${from} on ${event}: ${why.message}`, why.advice ?? 'Correct the expression.');
    }
  }
  for (const name of unreachable(machine)) {
    found.push({
      severity: 'warning',
      code: 'machine.unreachable',
      path: ['states', name],
      message: `Nothing leads to the state ${name}.`,
      advice: 'Add a transition to it, or take it away.',
    });
  }
  if (Object.values(machine.states).some(({ after }) => after) && !hasListener(tree, slug)) {
    found.push({
      severity: 'warning',
      code: 'machine.unheard',
      path: ['states'],
      message: `The machine ${slug} has time-outs, and no workflow hears of them.`,
      advice: 'Add a workflow with the trigger "State timed out" for it, followed by a step that sends the event on.',
    });
  }
  return found;
}

function hasListener(tree: Tree, slug: string): boolean {
  return Object.values(tree.workflows).some(({ steps }) =>
    Object.values(steps).some(
      ({ uses, config, disabled }) => uses === 'trigger.machine' && config.machine === slug && !disabled,
    ),
  );
}

function unreachable(machine: Machine): string[] {
  const seen = new Set([machine.initial, ...(machine.onFailure ? [machine.onFailure] : [])]);
  const open = [...seen];
  const ways = transitionsOf(machine);
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    for (const { from, way } of ways) {
      if (from !== name || seen.has(way.target)) continue;
      seen.add(way.target);
      open.push(way.target);
    }
  }
  return Object.keys(machine.states).filter((name) => !seen.has(name));
}

function textsOf(value: Json): string[] {
  if (typeof value === 'string') return isExpression(value) ? [value] : [];
  if (Array.isArray(value)) return value.flatMap(textsOf);
  return isJsonObject(value) ? Object.values(value).flatMap(textsOf) : [];
}

function faultOf(text: string): SluiceError | undefined {
  if (!isExpression(text))
    return new SluiceError('expression.syntax', `"${text.slice(0, 60)}" is not an expression.`, {
      advice: 'Begin it with =.',
    });
  try {
    compileExpression(text);
    return undefined;
  } catch (thrown) {
    return SluiceError.from(thrown);
  }
}
