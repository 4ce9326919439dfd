import { SluiceError } from '#shared/error.ts';

/**
 * Work that comes in the same turn of the event loop shares one transaction, so one flush to the disk. A member is refused
 * by a SluiceError thrown before it wrote anything; the others of its group are untouched. Any other error undoes them all.
 *
 * @returns a function that resolves once its work is on the disk
 */
export function createGroupCommit(transaction: (work: () => void) => void): (work: () => void) => Promise<void> {
  type Member = { work: () => void; resolve: () => void; reject: (error: unknown) => void };
  let queue: Member[] = [];

  function commit(): void {
    const members = queue;
    queue = [];
    const refused = new Map<Member, SluiceError>();
    try {
      transaction(() => {
        for (const member of members) {
          try {
            member.work();
          } catch (thrown) {
            if (!(thrown instanceof SluiceError)) throw thrown;
            refused.set(member, thrown);
          }
        }
      });
    } catch (thrown) {
      for (const member of members) member.reject(thrown);
      return;
    }
    for (const member of members) {
      const error = refused.get(member);
      if (error) member.reject(error);
      else member.resolve();
    }
  }

  return (work) =>
    new Promise((resolve, reject) => {
      if (queue.length === 0) setImmediate(commit);
      queue.push({ work, resolve, reject });
    });
}
