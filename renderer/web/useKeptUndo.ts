import { useEffect } from 'react';
import { hasEnded } from '../host/webLink.ts';
import { packUndo, unpackUndo } from '../state/keptUndo.ts';
import { editor, now } from '../state/store.ts';

const KEPT_AT = 'undo';

/** A reload of the tab leaves what its person can undo and redo in the open project. */
export function useKeptUndo(): void {
  useEffect(() => {
    takeUp();
    window.addEventListener('pagehide', keep);
    return () => window.removeEventListener('pagehide', keep);
  }, []);
}

function takeUp(): void {
  try {
    const kept = unpackUndo(sessionStorage.getItem(KEPT_AT) ?? '');
    sessionStorage.removeItem(KEPT_AT);
    const { doc, account } = now();
    if (!kept || kept.projectId !== doc?.info.id || kept.userId !== account?.user?.id) return;
    const { undoStack, redoStack } = kept;
    editor().store.setState({ undoStack, redoStack });
  } catch {
    // Where the browser keeps nothing, undo begins anew with the page.
  }
}

function keep(): void {
  const { doc, account, undoStack, redoStack } = now();
  try {
    const userId = account?.user?.id;
    const text = doc && userId && !hasEnded() && packUndo({ userId, projectId: doc.info.id, undoStack, redoStack });
    if (text) sessionStorage.setItem(KEPT_AT, text);
    else sessionStorage.removeItem(KEPT_AT);
  } catch {
    // As above.
  }
}
