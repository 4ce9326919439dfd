import { z } from 'zod';
import { checkedOut } from '../store/git.ts';
import type { ProjectDb } from '../store/projectDb.ts';

/** A switch to another branch that changed the project, and no word yet whether the workspace shall follow it. */
const Held = z.strictObject({ from: z.string(), to: z.string(), since: z.string(), revision: z.int() });
export type Held = z.infer<typeof Held>;

/**
 * Notices that Git checked out something else. What that did to the project looks like somebody's edits and deletions, so
 * nothing of it is sent to a workspace before a person has said so (sync.md, trap 16).
 */
export function createBranchWatch(db: ProjectDb, gitDir: string | undefined) {
  const held = (): Held | undefined => {
    const text = db.meta('git.held');
    return text === undefined ? undefined : Held.parse(JSON.parse(text));
  };
  return {
    held,
    /** What was checked out before and is now, where that is something else than when `seen` was last called. */
    switched: (): { from: string; to: string } | undefined => {
      const [from, to] = [db.meta('git.head'), checkedOut(gitDir)];
      return from === undefined || to === undefined || from === to ? undefined : { from, to };
    },
    seen: () => {
      const now = checkedOut(gitDir);
      if (db.meta('git.head') !== now) db.setMeta('git.head', now);
    },
    /**
     * Waits for a word where the project is in a workspace; back on the branch it came from, nothing waits any more.
     *
     * @param revision the local revision that the switch makes
     */
    hold: (switched: { from: string; to: string } | undefined, revision: number, since: string) => {
      if (!switched || db.meta('sync.binding') === undefined) return;
      const before = held();
      if (before?.from === switched.to) db.setMeta('git.held', undefined);
      else
        db.setMeta(
          'git.held',
          JSON.stringify(before ? { ...before, to: switched.to } : { ...switched, since, revision }),
        );
    },
    release: () => db.setMeta('git.held', undefined),
  };
}
