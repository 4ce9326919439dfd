import type { HttpCall } from '#shared/contract/contract.ts';
import type { Actor, Caller } from './actor.ts';

/** A call with the function that answers it. Whoever uses it checks access, input and output, as `mount` does. */
export type AnsweredCall = { call: HttpCall; answer: (input: unknown, asker: Caller | Actor) => unknown };

/** Every mounted call of this process by its name, so that the host of the web asks just what programs ask over HTTP. */
export type Calls = {
  add(name: string, entry: AnsweredCall): void;
  find(name: string): AnsweredCall | undefined;
};

export function createCalls(): Calls {
  const known = new Map<string, AnsweredCall>();
  return {
    add: (name, entry) => void known.set(name, entry),
    find: (name) => known.get(name),
  };
}
