/**
 * Hands on at once what comes alone. What follows before the next drawing waits for it and is handed on together, in order, so
 * that many commits of others cost one drawing and not one each.
 */
export function oncePerFrame<T>(take: (all: T[]) => void, nextFrame: (run: () => void) => void): (one: T) => void {
  let waiting: T[] | undefined;

  function nextTurn() {
    const all = waiting ?? [];
    waiting = undefined;
    if (all.length > 0) handOn(all);
  }

  function handOn(all: T[]) {
    waiting = [];
    nextFrame(nextTurn);
    take(all);
  }

  return (one) => (waiting ? void waiting.push(one) : handOn([one]));
}
