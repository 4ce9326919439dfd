/** Loaded before the program that is measured: tells what it holds when it is asked, rubbish collected first. */
export type Held = {
  heapBytes: number;
  /** Sockets, pipes, servers and the like. */
  handles: number;
  timers: number;
};

const isTimer = (kind: string) => kind === 'Timeout' || kind === 'Immediate';

process.on('message', () => {
  // What the first pass let go of may hold what only the second one finds.
  for (let pass = 0; pass < 2; pass++) globalThis.gc?.();
  const kinds = process.getActiveResourcesInfo();
  const held: Held = {
    heapBytes: process.memoryUsage().heapUsed,
    // A request that is under way is no handle.
    handles: kinds.filter((kind) => !isTimer(kind) && !kind.includes('Req')).length,
    timers: kinds.filter(isTimer).length,
  };
  process.send?.(held);
});
