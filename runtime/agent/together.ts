/**
 * Puts work off to the end of the turn, so that what several ask for is done in one go. A write to a socket may wake its
 * reader, which costs more than the write; writes one right after the other wake it once.
 *
 * @param broke is told of what the work throws
 */
export function createTogether(): (work: () => void, broke: (thrown: unknown) => void) => void {
  let waiting: [() => void, (thrown: unknown) => void][] = [];

  function doAll(): void {
    const all = waiting;
    waiting = [];
    for (const [work, broke] of all) {
      try {
        work();
      } catch (thrown) {
        broke(thrown);
      }
    }
  }

  return (work, broke) => {
    if (waiting.push([work, broke]) === 1) setImmediate(doAll);
  };
}
