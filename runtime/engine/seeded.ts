import type { Hashing } from './ports/ports.ts';

/** Random numbers and ids that a retry and a replay get again. */
export type Seeded = { random(): number; uuid(): string };

/** A generator (sfc32, public domain) started from the SHA-256 of a text. */
export function createSeeded(seed: string, hashing: Hashing): Seeded {
  const digest = hashing.sha256(seed);
  const word = (index: number) => Number.parseInt(digest.slice(index * 8, index * 8 + 8), 16) | 0;
  let a = word(0);
  let b = word(1);
  let c = word(2);
  let counter = word(3);
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + sum) | 0;
    return sum >>> 0;
  };
  for (let i = 0; i < 12; i++) next();
  return {
    random: () => next() / 4_294_967_296,
    uuid() {
      const hex = [next(), next(), next(), next()].map((n) => n.toString(16).padStart(8, '0')).join('');
      const variant = ((Number.parseInt(hex.charAt(16), 16) & 3) | 8).toString(16);
      return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20)}`;
    },
  };
}
