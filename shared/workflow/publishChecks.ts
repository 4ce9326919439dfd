import type { ConnectionRecord, Deployment, User } from '../contract/cloud/common.ts';
import type { SyncState } from '../contract/host/common.ts';
import type { PublishPreview } from '../contract/host/publish.ts';
import type { SluiceError } from '../error.ts';
import type { Problem } from './problem.ts';
import type { Tree } from './tree.ts';

type Check = PublishPreview['checks'][number];

export type CheckInput = {
  tree: Tree;
  environment: string;
  /** What the hosted environment binds, over what the project's file says. */
  bindings: Record<string, string>;
  problems: Problem[];
  /** Why the packages that scripts import could not be packed. */
  packing?: SluiceError | undefined;
  connections: ConnectionRecord[];
  active: Deployment | undefined;
  user: User | undefined;
  sync: SyncState;
};

/** What would keep the version from going out, or surprise somebody. In the order in which it is to be looked at. */
export function publishChecks(input: CheckInput): Check[] {
  return [
    syncCheck(input.sync),
    problemCheck(input.problems),
    ...packingCheck(input.packing),
    ...connectionChecks(input),
    hookCheck(input),
    mailCheck(input.user),
  ];
}

function syncCheck({ state, reason }: SyncState): Check {
  if (state === 'synced') return { title: 'Everything here is in the cloud', status: 'ok' };
  const title = 'Not everything here is in the cloud';
  const about = reason === undefined ? {} : { detail: reason };
  if (state === 'conflict')
    return { title: 'Places with two answers', status: 'error', ...about, advice: 'Choose which one stays in each.' };
  return { title, status: 'error', ...about, advice: 'Sync the project first.' };
}

function problemCheck(problems: Problem[]): Check {
  const errors = problems.filter((problem) => problem.severity === 'error');
  const [first] = errors;
  if (!first) return { title: 'No step has a problem', status: 'ok' };
  const more = errors.length > 1 ? ` And ${errors.length - 1} more.` : '';
  return {
    title: errors.length === 1 ? 'A step has a problem' : `There are ${errors.length} problems`,
    status: 'error',
    detail: `${first.file}:${first.line}: ${first.message}${more}`,
    advice: first.advice,
  };
}

function packingCheck(packing: SluiceError | undefined): Check[] {
  if (!packing) return [];
  const { message, advice } = packing;
  return [{ title: 'The packages of the scripts cannot be packed', status: 'error', detail: message, advice }];
}

function connectionChecks({ tree, environment, bindings, connections }: CheckInput): Check[] {
  const used = new Set<string>();
  for (const workflow of Object.values(tree.workflows)) {
    for (const step of Object.values(workflow.steps))
      if (step.connection !== undefined && !step.disabled) used.add(step.connection);
  }
  const there = new Map(connections.map((record) => [record.name, record]));
  const bound = { ...tree.environments[environment]?.bindings, ...bindings };
  const title = 'Every connection is bound';
  const failed = [...used].sort().flatMap((name): Check[] => {
    const record = there.get(bound[name] ?? name);
    const wanted = tree.connections[name]?.connector;
    if (record && (wanted === undefined || record.connector === wanted)) return [];
    const detail = record
      ? `${name} is bound to ${record.name}, which is for ${record.connector}.`
      : `The workspace has no connection named ${bound[name] ?? name}.`;
    return [
      {
        title: `The connection ${name} is not bound`,
        status: 'error',
        detail,
        advice: `Set the hosted secret of ${name}.`,
      },
    ];
  });
  return failed.length > 0 ? failed : [{ title, status: 'ok' }];
}

/** Triggers that are called from outside, each at an address. */
const CALLED = new Set(['trigger.webhook', 'trigger.route', 'trigger.form']);

function hookCheck({ tree, active }: CheckInput): Check {
  const triggers = Object.values(tree.workflows).flatMap(({ steps }) =>
    Object.values(steps).filter(({ uses, disabled }) => CALLED.has(uses) && !disabled),
  );
  const word = triggers.every(({ uses }) => uses === 'trigger.webhook') ? 'webhook address' : 'address';
  // Before the first publish there is no address that could stay.
  const title =
    (active?.hooks.length ?? 0) > 0
      ? `${capital(word)}es stay the same`
      : triggers.length > 0
        ? `${triggers.length === 1 ? `${word === 'address' ? 'An' : 'A'} ${word} is` : `${triggers.length} ${word}es are`} made`
        : 'No webhook addresses';
  const lost = (active?.hooks ?? []).filter(({ workflowId, stepId }) => {
    const step = tree.workflows[workflowId]?.steps[stepId];
    return !step || !CALLED.has(step.uses) || step.disabled;
  });
  if (lost.length === 0) return { title, status: 'ok' };
  const named = lost.map(({ stepId }) => stepId).join(', ');
  return {
    title: lost.length === 1 ? 'A webhook address goes away' : `${lost.length} webhook addresses go away`,
    status: 'warning',
    detail: `Whoever calls ${named} gets "no such webhook" once this is out.`,
    advice: 'Tell them, or keep the trigger.',
  };
}

const capital = (word: string) => `${word.charAt(0).toUpperCase()}${word.slice(1)}`;

function mailCheck(user: User | undefined): Check {
  if (user?.emailVerified) return { title: 'Your e-mail address is confirmed', status: 'ok' };
  return {
    title: 'Your e-mail address is not confirmed',
    status: 'error',
    detail: user?.email,
    advice: 'Open the link in the message we sent there.',
  };
}
