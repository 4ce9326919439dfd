import type { Plan } from '#shared/plan.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import { whyItRests } from '../connections/connectionPolicy.ts';
import { connectionsOf } from './triggers.ts';

/** What a deployment is checked against, read in one transaction. */
export type Premises = {
  tree: Tree;
  environment: string;
  bindings: Record<string, string>;
  /** The workspace's connections by name, with the connector each is for. */
  connections: ReadonlyMap<string, string>;
  /** Those of them that rest, because the plan has not room for them. */
  resting: ReadonlySet<string>;
  plan: Plan;
  /** Ids of the workflows that other environments and projects have deployed. */
  deployedElsewhere: ReadonlySet<string>;
};

/** Why a version cannot go into an environment, in words a person can act on; undefined where it can. */
export function whyNotDeployable(premises: Premises): string | undefined {
  const reasons = [...planReasons(premises), ...connectionReasons(premises)];
  return reasons.length === 0 ? undefined : reasons.slice(0, 10).join(' ');
}

function planReasons({ tree, plan, deployedElsewhere }: Premises): string[] {
  const reasons: string[] = [];
  const here = Object.keys(tree.workflows);
  if (here.length === 0) reasons.push('The version has no workflow: draw one, then publish again.');
  const all = new Set([...deployedElsewhere, ...here]).size;
  if (all > plan.deployedWorkflows) {
    reasons.push(
      `This would make ${all} deployed workflows; the ${plan.name} plan has room for ${plan.deployedWorkflows}. Stop a deployment, take workflows out, or change the plan.`,
    );
  }
  for (const workflow of Object.values(tree.workflows)) {
    const steps = Object.keys(workflow.steps).length;
    if (steps <= plan.stepsPerWorkflow) continue;
    reasons.push(
      `The workflow ${workflow.name} has ${steps} steps; the ${plan.name} plan takes ${plan.stepsPerWorkflow}. Split it, or change the plan.`,
    );
  }
  return reasons;
}

function connectionReasons({ tree, environment, bindings, connections, resting, plan }: Premises): string[] {
  const needed = new Set(Object.keys(tree.workflows).flatMap((id) => connectionsOf(tree, id)));
  return [...needed].sort().flatMap((name) => {
    const record = Object.hasOwn(bindings, name) ? (bindings[name] as string) : name;
    const has = connections.get(record);
    const wants = Object.hasOwn(tree.connections, name) ? tree.connections[name]?.connector : undefined;
    if (has === undefined) {
      return `The connection ${name} is not bound: the workspace has no connection named ${record}. Add it, or bind another one in the environment ${environment}.`;
    }
    if (wants !== undefined && wants !== has) {
      return `The connection ${name} is bound to ${record}, which is for ${has} and not for ${wants}. Bind another one in the environment ${environment}.`;
    }
    if (resting.has(record)) {
      return `The connection ${name} is bound to ${record}. ${whyItRests(plan)}`;
    }
    return [];
  });
}
