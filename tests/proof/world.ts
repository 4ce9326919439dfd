import { nodeHashing } from '#runtime/agent/runPorts.ts';
import type { HttpReply, HttpRequest } from '#runtime/connectors/stepType.ts';
import type { HttpPort } from '#runtime/engine/ports/ports.ts';
import { createSeeded } from '#runtime/engine/seeded.ts';
import { SluiceError } from '#shared/error.ts';

/** Numbers that a seed decides. */
export type Dice = {
  /** In [0, 1). */
  roll(): number;
  /** Whole, from 0 to below `count`. */
  pick(count: number): number;
  oneOf<T>(list: readonly T[]): T;
  /** Whether something of this likelihood happens. */
  chance(likelihood: number): boolean;
};

export function createDice(seed: string): Dice {
  const { random } = createSeeded(seed, nodeHashing);
  const pick = (count: number) => Math.floor(random() * count);
  return {
    roll: random,
    pick,
    oneOf: (list) => list[pick(list.length)] as (typeof list)[number],
    chance: (likelihood) => random() < likelihood,
  };
}

/** One request as it arrived at the receiver. */
export type Arrival = { key: string | undefined; url: string; body: string; fence: number };

export type Faults = {
  /** Likelihood that a request never leaves (it surely did not happen). */
  refused: number;
  /** That the connection breaks before it arrived; the sender cannot tell. */
  lostBefore: number;
  /** That it arrived and its answer was lost; the sender cannot tell. */
  lostAfter: number;
};

export const NO_FAULTS: Faults = { refused: 0, lostBefore: 0, lostAfter: 0 };

/**
 * A receiver and the network before it. It honours idempotency keys: what comes under a key it knows is answered as
 * before. It remembers everything that arrived. One address fails eight times at most, less than a step is tried.
 */
export function createReceiver(dice: Dice, faults: Faults, fence: () => number) {
  const arrivals: Arrival[] = [];
  const answers = new Map<string, HttpReply>();
  const failures = new Map<string, number>();

  function arrive(request: HttpRequest, key: string | undefined): HttpReply {
    const { url } = request;
    const body = JSON.stringify(request.body ?? null);
    arrivals.push({ key, url, body, fence: fence() });
    // What it answers depends on nothing but what it was asked: another order of branches changes nothing.
    const reply = { status: 200, headers: {}, body: { of: nodeHashing.sha256(`${url}|${body}`).slice(0, 8) } };
    if (key === undefined) return reply;
    const before = answers.get(key) ?? reply;
    answers.set(key, before);
    return before;
  }

  function failure(url: string): keyof Faults | undefined {
    const before = failures.get(url) ?? 0;
    const at = dice.roll();
    const { refused, lostBefore, lostAfter } = faults;
    const kind =
      before >= 8
        ? undefined
        : at < refused
          ? 'refused'
          : at < refused + lostBefore
            ? 'lostBefore'
            : at < refused + lostBefore + lostAfter
              ? 'lostAfter'
              : undefined;
    if (kind) failures.set(url, before + 1);
    return kind;
  }

  const http: HttpPort = {
    async send(request, { idempotencyKey, signal }) {
      // Some turns of the loop, so that branches overtake each other.
      for (let turns = dice.pick(4); turns > 0; turns--) await new Promise((resolve) => setImmediate(resolve));
      // What a process that died had on its way does not arrive after everybody has looked.
      signal.throwIfAborted();
      const kind = failure(request.url);
      if (kind === 'refused') throw new SluiceError('connector.unavailable', 'The connection was refused.');
      if (kind === 'lostBefore') throw new SluiceError('connector.unclear', 'The connection broke.');
      const reply = arrive(request, request.idempotencyHeader === undefined ? undefined : idempotencyKey);
      if (kind === 'lostAfter') throw new SluiceError('connector.unclear', 'The connection broke.');
      return reply;
    },
  };
  return { http, arrivals };
}
