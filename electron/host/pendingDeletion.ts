import type { PendingDeletion } from '#shared/contract/host/files.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import type { createBranchWatch } from './branchWatch.ts';

export type DeletionDeps = {
  branch: Pick<ReturnType<typeof createBranchWatch>, 'held'>;
  /** The files that are gone. */
  gone(): readonly string[];
  tree(): Tree;
  isoNow(): string;
  emit(deletion: PendingDeletion | undefined): void;
};

/** Files that vanished, or a branch that was switched to, until somebody says whether that was meant. */
export function createPendingDeletion({ branch, gone, tree, isoNow, emit }: DeletionDeps) {
  let goneSince: string | undefined;
  let told: string | undefined;

  function pending(): PendingDeletion | undefined {
    const held = branch.held();
    if (gone().length === 0 && !held) return undefined;
    const files = gone().map((file) => ({ file, title: titleOf(file) }));
    const since = held?.since ?? goneSince ?? isoNow();
    return { since, files, ...(held ? { branch: { from: held.from, to: held.to } } : {}) };
  }

  function titleOf(file: string): string {
    const slug = /^workflows\/(.+)\.yaml$/.exec(file)?.[1];
    const workflow = Object.values(tree().workflows).find((one) => one.slug === slug);
    return workflow?.name ?? file;
  }

  return {
    pending,
    /** Looks at which files are gone now. */
    look(): void {
      goneSince = gone().length === 0 ? undefined : (goneSince ?? isoNow());
    },
    /** Tells of it, where that is something else than what was told last. */
    tell(): void {
      const now = pending();
      const text = JSON.stringify(now);
      if (text === told) return;
      told = text;
      emit(now);
    },
  };
}
