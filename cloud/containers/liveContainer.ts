/** A container that this process knows to run: when its runtime was last heard of, and when it last had something to do. */
export type Live = { ref: string; seenAt: number | undefined; touchedAt: number };

export const liveSince = (ref: string, now: number): Live => ({ ref, seenAt: undefined, touchedAt: now });
