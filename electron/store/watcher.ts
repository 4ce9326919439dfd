import { join, relative, sep } from 'node:path';
import { type FSWatcher, watch } from 'chokidar';
import { gitDirOf, gitIsBusy } from './git.ts';
import { isConflictedCopy, isProjectPath } from './projectFolder.ts';

const SETTLE_MS = 150;
/** Git is at work as long as its lock is there; one that a crash left behind must not stop us for ever. */
export const GIT_LOCK_MS = 10_000;
/** As it is told that something else is checked out. */
const CHECKED_OUT = '.git/HEAD';

/**
 * Tells, once things have settled, which files of a project may have changed. Whether they did, and whether by us, the
 * reader finds out by their content.
 *
 * @param onChange gets paths below the folder, and `CHECKED_OUT`; the next call waits until the promise it gives has settled
 * @param onError when watching itself fails, for example because the system's limit of watches is reached
 * @param settleMs how long nothing must have changed
 */
export function watchProject(
  dir: string,
  onChange: (paths: string[]) => Promise<void>,
  onError: (error: unknown) => void,
  settleMs = SETTLE_MS,
): { ready: Promise<void>; close(): Promise<void> } {
  const gitDir = gitDirOf(dir);
  const changed = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  let waitedForGit = 0;
  let working: Promise<void> = Promise.resolve();
  let closed = false;

  const pathOf = (full: string) => relative(dir, full).split(sep).join('/');
  // The folder, not the file: Git puts another one in its place.
  const head = gitDir === undefined ? undefined : join(gitDir, 'HEAD');
  const isGits = (full: string) => gitDir !== undefined && (full === gitDir || full.startsWith(gitDir + sep));
  const watcher: FSWatcher = watch(gitDir === undefined ? dir : [dir, gitDir], {
    ignoreInitial: true,
    followSymlinks: false,
    ignored: (full) =>
      isGits(full)
        ? full !== gitDir && full !== head
        : /^(?:\.git|\.sluice|(?:.*\/)?node_modules)(?:\/|$)/.test(pathOf(full)),
  });

  function settle(): void {
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (gitIsBusy(gitDir) && waitedForGit < GIT_LOCK_MS) {
        waitedForGit += settleMs;
        settle();
        return;
      }
      waitedForGit = 0;
      working = working.then(async () => {
        if (closed || changed.size === 0) return;
        const paths = [...changed];
        changed.clear();
        await onChange(paths).catch(onError);
      });
    }, settleMs);
  }

  watcher.on('all', (_event, full) => {
    const path = full === head ? CHECKED_OUT : pathOf(full);
    if (path !== CHECKED_OUT && !isProjectPath(path) && !isConflictedCopy(path)) return;
    changed.add(path);
    settle();
  });
  watcher.on('error', onError);
  const ready = new Promise<void>((done) => watcher.on('ready', () => done()));
  return {
    ready,
    close: async () => {
      closed = true;
      clearTimeout(timer);
      await watcher.close();
      await working;
    },
  };
}
