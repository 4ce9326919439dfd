import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { DEFAULT_LIMITS } from '#runtime/engine/ports/ports.ts';
import type { Sandbox, ScriptRequest } from '#runtime/engine/ports/sandbox.ts';
import { createSandbox } from '#runtime/sandbox/sandbox.ts';
import type { JsonObject } from '#shared/json.ts';
import { LIST_ITEMS } from '../workloads/work.ts';
import { check, type Part, timed } from './part.ts';

const items = Array.from({ length: LIST_ITEMS }, (_, n) => ({ json: { id: n, price: (n % 90) + 1, quantity: n % 5 } }));
const total = ({ json }: { json: JsonObject }) => ({ id: json.id, total: Number(json.price) * Number(json.quantity) });

const SOURCES = {
  javascript: 'return items.map(({ json }) => ({ id: json.id, total: json.price * json.quantity }));',
  python: 'return [{"id": i["json"]["id"], "total": i["json"]["price"] * i["json"]["quantity"]} for i in items]',
};
const request = (language: 'javascript' | 'python'): ScriptRequest => ({
  ...{ language, kind: 'body', path: 'bench', mode: 'once', items, source: SOURCES[language] },
  limits: { ...DEFAULT_LIMITS.script, cpuMs: 30_000, wallMs: 30_000 },
  context: {
    ...{ env: {}, run: { id: 'run' }, workflow: { id: 'w', name: 'W' }, trigger: {}, request: null },
    ...{ now: 0, timezone: 'UTC', seed: 'seed', steps: {} },
  },
});

async function ask(sandbox: Sandbox, language: 'javascript' | 'python'): Promise<void> {
  const { results } = await sandbox.run(request(language), new AbortController().signal);
  const [all] = results;
  check(Array.isArray(all) && all.length === LIST_ITEMS, 'so many results');
  check(JSON.stringify((all as JsonObject[])[7]) === JSON.stringify(total(items[7] as never)), 'the eighth result');
}

/** What the items cost on their way there and back, at least, and the same function called directly. */
function direct(): void {
  const there = JSON.parse(JSON.stringify(items)) as typeof items;
  const back = JSON.parse(JSON.stringify(there.map(total))) as JsonObject[];
  check(back.length === LIST_ITEMS, 'so many results');
}

function warm(language: 'javascript' | 'python', title: string): Part {
  return {
    title: `${title} over ${LIST_ITEMS} items, warm`,
    byHand: 'the same function called directly, its items through JSON there and back',
    per: 'a call',
    async prepare(_scratch, quick) {
      const sandbox = createSandbox({ workers: 1 });
      const times = quick ? 1 : 30;
      const repeat = async (work: () => Promise<void> | void) => {
        for (let n = 0; n < times; n++) await work();
      };
      for (let n = 0; n < (quick ? 1 : 5); n++) await ask(sandbox, language);
      return {
        ours: () => timed(() => repeat(() => ask(sandbox, language)), times),
        byHand: () => timed(() => repeat(direct), times),
        close: () => sandbox.close(),
      };
    },
  };
}

function cold(language: 'javascript' | 'python', title: string): Part {
  return {
    title: `${title} over ${LIST_ITEMS} items, cold`,
    byHand: 'a bare Node process that is started and ends',
    per: 'the first call',
    prepare: async () => ({
      async ours() {
        const sandbox = createSandbox({ workers: 1 });
        const ms = await timed(() => ask(sandbox, language));
        await sandbox.close();
        return ms;
      },
      byHand: () => timed(() => once(spawn(process.execPath, ['-e', '']), 'exit')),
    }),
  };
}

export const scripts: Part[] = [
  warm('javascript', 'JavaScript'),
  cold('javascript', 'JavaScript'),
  warm('python', 'Python'),
  cold('python', 'Python'),
];
