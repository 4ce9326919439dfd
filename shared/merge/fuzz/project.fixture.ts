import { DEFAULT_SETTINGS, type Step, type Tree } from '../../workflow/tree.ts';

/** The workflow with all the steps, and a small one that may be taken away whole. */
export const MAIN = '0199f2c4-0002-7000-8000-000000000002';
export const SIDE = '0199f2c4-0002-7000-8000-000000000003';

/** Workflows that are not there at first. */
export const TYPED = ['0199f2c4-0002-7000-8000-000000000004', '0199f2c4-0002-7000-8000-000000000005'];

/** A whole project with so many steps in its main workflow: a chain with branches, references, places, pins, scripts. */
export function projectOf(size: number): Tree {
  const ids = Array.from({ length: size }, (_, i) => `s${i}`);
  const edges: Record<string, object> = {};
  for (let i = 1; i < size; i++) edges[`s${i - 1}.main->s${i}.main`] = {};
  for (let i = 5; i < size; i += 5) edges[`s${i - 5}.error->s${i}.main`] = {};
  return {
    project: { id: '0199f2c4-0002-7000-8000-000000000001', name: 'Base', format: 1 },
    workflows: {
      [MAIN]: {
        slug: 'main',
        name: 'Main',
        settings: DEFAULT_SETTINGS,
        steps: Object.fromEntries(ids.map((id, i) => [id, stepOf(id, i > 0 && i % 4 === 0 ? `s${i - 1}` : undefined)])),
        edges: edges as Record<string, Record<string, never>>,
        layout: Object.fromEntries(ids.map((id, i) => [id, [i * 10, 0]])),
      },
      [SIDE]: {
        slug: 'side',
        name: 'Side',
        settings: DEFAULT_SETTINGS,
        steps: { a: stepOf('a'), b: stepOf('b'), c: stepOf('c', 'a') },
        edges: { 'a.main->b.main': {}, 'b.main->c.main': {} },
        layout: { a: [0, 0], b: [10, 0], c: [20, 0] },
      },
    },
    scripts: Object.fromEntries(['one.ts', 'two.ts'].map((path) => [path, linesOf(path).join('\n')])),
    machines: { order: { initial: 'fresh', states: { fresh: { weight: 0 }, paid: { weight: 0 } } } },
    environments: { local: { vars: { n: 1, m: 'x' }, bindings: {} } },
    connections: { tracker: { connector: 'http' } },
    tests: {},
    pins: { [MAIN]: { s1: pinOf(1), s4: pinOf(4) } },
  };
}

export function stepOf(name: string, refersTo?: string): Step {
  const config: Step['config'] = { x: `${name}.x`, y: `${name}.y`, body: { k: 1, l: { deep: true } }, list: [1, 2, 3] };
  if (refersTo !== undefined) config.from = `=$('${refersTo}').first().json.n`;
  return { uses: 'items.set', version: 1, name, config, onError: 'stop', mode: 'each' };
}

const linesOf = (path: string) => Array.from({ length: 24 }, (_, i) => `// ${path} ${i}`);

/** A pin whose two fields belong together, so that a torn one shows. */
export const pinOf = (n: number) => ({ hash: n.toString(16).padStart(64, '0'), bytes: n });
