/** Something that the runtime does, beside the least that it could cost. */
export type Part = {
  title: string;
  /** What stands beside it. */
  byHand: string;
  /** What one figure is of. */
  per: string;
  /** The ratio, or the other figure that it names, that a release must hold. */
  gate?: { of: 'ratio' | (string & {}); most: number };
  /** @param scratch a folder of its own on the disk; `quick`: as little as shows that it works */
  prepare(scratch: string, quick: boolean): Promise<Prepared>;
};

/** Both give milliseconds for what a figure is of, and throw where what came out is wrong. */
export type Prepared = {
  ours(): Promise<number>;
  byHand(): Promise<number>;
  /** Figures of its own kind, taken once at the end: memory, a share of a core. */
  more?(): Promise<Record<string, number>>;
  close?(): Promise<void>;
};

/** How long some work takes, milliseconds per `times`. */
export async function timed(work: () => Promise<unknown> | unknown, times = 1): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / times;
}

/** @throws Error unless it is so */
export function check(isSo: boolean, what: string): void {
  if (!isSo) throw new Error(`Wrong: ${what}`);
}
