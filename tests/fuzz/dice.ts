/** Numbers that a seed decides, fast enough for millions of inputs. */
export type Dice = {
  /** Whole, from 0 to below `count`. */
  pick(count: number): number;
  oneOf<T>(list: readonly T[]): T;
  /** Whether something of this likelihood happens. */
  chance(likelihood: number): boolean;
};

export function createDice(seed: string): Dice {
  let state = seedNumber(seed);
  const random = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const pick = (count: number) => Math.floor(random() * count);
  return {
    pick,
    oneOf: (list) => list[pick(list.length)] as (typeof list)[number],
    chance: (likelihood) => random() < likelihood,
  };
}

/** A whole number of 32 bits from a text. */
export function seedNumber(seed: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < seed.length; i++) hash = Math.imul(hash ^ seed.charCodeAt(i), 0x01000193);
  return hash | 0;
}
