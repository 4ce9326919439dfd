import { setTimeout as pause } from 'node:timers/promises';
import type { Dice } from '../../tests/fuzz/dice.ts';
import { type Asked, nextAsk } from './asks.ts';
import type { Caller } from './connections.ts';
import type { RouteClass } from './routeClasses.ts';
import type { Tenant } from './tenants.ts';

/** What came of some requests. Times in milliseconds, as who asks sees them. */
export type Answers = {
  times: Map<RouteClass, number[]>;
  byName: Map<string, number[]>;
  asked: number;
  errors: { name: string; what: string }[];
  /** How late requests were sent, for want of time on the asking side. */
  lateMs: number[];
};

/**
 * Asks at a pace of so many a second, whatever the answers take, as many independent people do: the time between two
 * follows from the dice, and the tenants take turns. Resolves when the last one is answered.
 */
export async function askAtPace(
  caller: Caller,
  tenants: readonly Tenant[],
  dice: Dice,
  { perSecond, seconds }: { perSecond: number; seconds: number },
): Promise<Answers> {
  const answers: Answers = { times: new Map(), byName: new Map(), asked: 0, errors: [], lateMs: [] };
  const open = new Set<Promise<void>>();
  const began = performance.now();
  let due = began;
  for (let n = 0; ; n++) {
    due += (-Math.log(1 - dice.pick(1_000_000) / 1_000_000) * 1_000) / perSecond;
    if (due - began > seconds * 1_000) break;
    const early = due - performance.now();
    if (early > 1) await pause(early);
    answers.lateMs.push(Math.max(0, performance.now() - due));
    const tenant = tenants[n % tenants.length] as Tenant;
    const answered = askOnce(caller, tenant, nextAsk(tenant, dice), answers);
    open.add(answered);
    void answered.then(() => open.delete(answered));
  }
  await Promise.all(open);
  return answers;
}

async function askOnce(caller: Caller, tenant: Tenant, asked: Asked, answers: Answers): Promise<void> {
  const { name, is } = asked;
  const began = performance.now();
  answers.asked++;
  try {
    const { status, body } = await caller.send(tenant, asked);
    const took = performance.now() - began;
    const isGood = status === 200;
    asked.learn?.(isGood ? body : undefined);
    if (!isGood) {
      const { code } = (body ?? {}) as { code?: string };
      answers.errors.push({ name, what: `${status} ${code ?? ''}` });
      return;
    }
    push(answers.times, is, took);
    push(answers.byName, name, took);
  } catch (thrown) {
    asked.learn?.(undefined);
    answers.errors.push({ name, what: thrown instanceof Error ? thrown.message : String(thrown) });
  }
}

function push<K>(map: Map<K, number[]>, key: K, value: number): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}
