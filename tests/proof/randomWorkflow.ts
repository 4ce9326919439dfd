import type { JsonObject } from '#shared/json.ts';
import type { Sketch } from '../fixtures/engine.ts';
import type { Dice } from './world.ts';

export type EffectMix = {
  /** Requests of class unsafe may occur. */
  unsafe: boolean;
  /** Waits of more than a moment may occur. */
  waits: boolean;
  /**
   * Much is at work at once: maps in which code of no certain duration lets batches overtake each other, and
   * calls of a workflow (`calls`). Of how that went nothing is kept, and ids of the run are sent along.
   */
  crowded?: { calls?: string };
};

const CROWDED = ['map', 'map', 'map', 'code', 'request', 'set', 'join', 'diamond', 'loop', 'try'];

/**
 * A workflow that a seed decides: a chain of up to nine parts, some of them branches that come together again, loops or
 * requests. Whatever fails in it passes within its retries, so a run of it succeeds.
 */
export function randomWorkflow(dice: Dice, mix: EffectMix): Sketch {
  const steps: Sketch['steps'] = { start: { uses: 'trigger.manual' } };
  const edges: string[] = [];
  let count = 0;
  let hasCalled = false;
  const add = (uses: string, config: JsonObject, more: object = {}): string => {
    const id = `s${++count}`;
    steps[id] = { uses, config, ...more };
    return id;
  };

  /** One part behind a port; gives the port behind it. */
  function part(from: string, depth: number): string {
    const calls = mix.crowded?.calls === undefined ? [] : ['call'];
    const sparse = ['set', 'request', 'table', 'kv', 'filter', 'diamond', 'join', 'loop', 'map', 'try'];
    const kinds = [...(mix.crowded ? [...CROWDED, ...calls] : sparse), ...(mix.waits ? ['wait'] : [])];
    const small = ['set', 'request', 'table', ...(mix.crowded ? ['code', ...calls] : [])];
    switch (dice.oneOf(depth > 1 ? small : kinds)) {
      case 'request':
        return request(from);
      case 'table': {
        const id = add('table.insert', {
          table: 't',
          key: `=$run.id + '-' + $json.n + '-${count}'`,
          row: { n: '=$json.n' },
        });
        return link(from, id);
      }
      case 'code':
        return link(from, add('code.javascript', { code: 'return $json' }));
      case 'call':
        if (hasCalled) return link(from, add('code.javascript', { code: 'return $json' }));
        hasCalled = true;
        return link(from, add('flow.runWorkflow', { workflow: mix.crowded?.calls ?? '' }));
      case 'kv':
        return link(from, add('kv.set', { key: `k${count}`, value: '=$json.n' }));
      case 'filter':
        return link(from, add('flow.filter', { when: `=$json.n >= ${dice.pick(2)}` }));
      case 'wait':
        return link(from, add('flow.wait', { forMs: 5_000 + dice.pick(100_000) }));
      case 'diamond': {
        const fork = add('flow.if', { when: `=$json.n % 2 === ${dice.pick(2)}` });
        edges.push(`${from} -> ${fork}`);
        const left = part(`${fork}.true`, depth + 1);
        const right = part(`${fork}.false`, depth + 1);
        const join = add('flow.merge', {});
        edges.push(`${left} -> ${join}.a`, `${right} -> ${join}.b`);
        return join;
      }
      case 'join': {
        const left = part(from, depth + 1);
        const right = part(from, depth + 1);
        const join = add('flow.merge', {});
        edges.push(`${left} -> ${join}.a`, `${right} -> ${join}.b`);
        return join;
      }
      case 'map': {
        const map = add('flow.map', { concurrency: 1 + dice.pick(3), batch: 1 + dice.pick(2) });
        edges.push(`${from} -> ${map}`);
        const end = part(`${map}.item`, depth + 1);
        edges.push(`${end} -> ${map}.next`);
        return `${map}.done`;
      }
      case 'try': {
        const group = add('flow.try', {});
        edges.push(`${from} -> ${group}`);
        const end = part(`${group}.try`, depth + 1);
        edges.push(`${end} -> ${group}.next`);
        return `${group}.done`;
      }
      case 'loop': {
        const loop = add('flow.loop', { batch: 1 + dice.pick(3) });
        edges.push(`${from} -> ${loop}`);
        const end = part(`${loop}.loop`, depth + 1);
        edges.push(`${end} -> ${loop}.next`);
        return `${loop}.done`;
      }
      default:
        return link(from, add('items.set', { fields: { [`f${count}`]: '=uuidv4()', at: '=$now.toISO()' } }));
    }
  }

  function link(from: string, id: string): string {
    edges.push(`${from} -> ${id}`);
    return id;
  }

  /** A request, and the item as it was before it, with what came of it. */
  function request(from: string): string {
    // No lineage leads back through a workflow that was called.
    const source = mix.crowded ? link(from, add('items.set', {})) : 'start';
    const kind = dice.oneOf(mix.unsafe ? ['get', 'keyed', 'unsafe'] : ['get', 'keyed']);
    const config: JsonObject = {
      url: `https://r.example/${count}`,
      method: kind === 'get' ? 'GET' : 'POST',
      // What it asks is the same whatever order branches have.
      ...(kind === 'get' ? {} : { body: { n: '=$json.n', part: count, ...(mix.crowded ? { id: '=uuidv4()' } : {}) } }),
      ...(kind === 'keyed' ? { idempotencyHeader: 'Idempotency-Key' } : {}),
    };
    const id = link(
      mix.crowded ? source : from,
      add('http.request', config, { retry: { count: 10, delayMs: 1_000, backoff: 'exponential' } }),
    );
    return link(
      id,
      add('items.set', { fields: { n: `=$('${source}').item.json.n`, of: '=$json.body.of' }, keepOthers: false }),
    );
  }

  let at = 'start';
  for (let parts = 2 + dice.pick(8); parts > 0; parts--) at = part(at, 0);
  const durability = mix.crowded ? 'run' : dice.oneOf(['step', 'step', 'run'] as const);
  return { steps, edges, settings: { durability } };
}
