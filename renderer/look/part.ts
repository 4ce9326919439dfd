import { type ComponentType, lazy } from 'react';

/** How long is waited before each further attempt, in ms. */
const WAITS_MS = [200, 1_000, 3_000];

/**
 * A part of the page that is loaded when it is first drawn. A network that comes or goes takes what is being loaded with
 * it, so it is asked for again before the part counts as broken.
 */
export function part<Props extends object>(load: () => Promise<ComponentType<Props>>) {
  return lazy(async () => ({ default: await insist(load) }));
}

/** @throws what the last attempt threw */
export async function insist<T>(load: () => Promise<T>, waitsMs: readonly number[] = WAITS_MS): Promise<T> {
  for (const waitMs of waitsMs) {
    try {
      return await load();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }
  return load();
}
