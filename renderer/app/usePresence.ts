import { useEffect } from 'react';
import { now, useEditor } from '../state/store.ts';

/** Tells the others where this person goes: which workflow, which steps, which step's view. */
export function usePresence(): void {
  const place = useEditor((state) =>
    [state.workflowId, state.stepView, state.area, state.looking !== undefined, state.doc?.info.sync.workspaceId].join(
      ' ',
    ),
  );
  const selection = useEditor((state) => state.selection);
  const signedIn = useEditor((state) => state.account?.status);
  // biome-ignore lint/correctness/useExhaustiveDependencies: each of them is a reason to tell where one is now.
  useEffect(() => now().tellPresence(), [place, selection, signedIn]);
}
