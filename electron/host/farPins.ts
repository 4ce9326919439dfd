import { type JsonObject, toPlain } from '#shared/json.ts';
import { Tree } from '#shared/workflow/tree.ts';

type Pins = Tree['pins'];

/**
 * The pins whose data are on another computer: a workspace keeps that there is one, not what is in it, so no file here can
 * say it.
 */
export function farPins(tree: Tree, isHere: (hash: string) => boolean): Pins {
  const far: Pins = {};
  for (const [workflowId, steps] of Object.entries(tree.pins)) {
    const missing = Object.entries(steps).filter(([, { hash }]) => !isHere(hash));
    if (missing.length > 0) far[workflowId] = Object.fromEntries(missing);
  }
  return far;
}

/** What files say, with the pins that they cannot say: their absence there is no deletion. */
export function withFarPins(tree: Tree, far: Pins): Tree {
  let pins = tree.pins;
  for (const [workflowId, steps] of Object.entries(far)) {
    const there = tree.workflows[workflowId]?.steps ?? {};
    for (const [stepId, pin] of Object.entries(steps)) {
      if (!Object.hasOwn(there, stepId) || pins[workflowId]?.[stepId]) continue;
      pins = { ...pins, [workflowId]: { ...pins[workflowId], [stepId]: pin } };
    }
  }
  return pins === tree.pins ? tree : { ...tree, pins };
}

/** Those that were kept, as text. */
export function readFar(text: string | undefined): Pins {
  return text === undefined ? {} : Tree.shape.pins.parse(toPlain(JSON.parse(text) as JsonObject));
}
