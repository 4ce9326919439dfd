import { useEffect } from 'react';
import { runOne } from '../canvas/commands.ts';
import { isReadOnly } from '../state/historySlice.ts';
import { now } from '../state/store.ts';
import { startRun } from './TitleBar.tsx';

const AREAS = [
  '[aria-label="Areas"]',
  '[aria-label="Project"]',
  'aside[aria-label="Changes"]',
  '[aria-label="Canvas"]',
  '[aria-label="YAML"]',
  '[aria-label="Inspector"]',
  '[aria-label="Details"]',
  'section[aria-label="Input"]',
  'section[aria-label="Form"]',
  'section[aria-label="Output"]',
  '[aria-label="Data and log"]',
];

/** The keys that work everywhere in a project. */
export function useShellKeys(): void {
  useEffect(() => {
    function onKeyDown(event: KeyboardEvent) {
      const state = now();
      const mod = event.ctrlKey || event.metaKey;
      const target = event.target as HTMLElement;
      const typing = target.closest('input, textarea, [contenteditable], .monaco-editor') !== null;
      const take = (act: () => void) => {
        event.preventDefault();
        act();
      };
      if (event.key === 'F6') return take(() => nextArea(event.shiftKey ? -1 : 1));
      if (event.key === 'Escape' && !event.defaultPrevented && state.stepView && !typing && !state.dialog)
        return take(() => state.openStep(undefined));
      if (event.key === '?' && !typing) return take(() => state.setDialog('keys'));
      if (!mod || event.altKey) return;
      switch (event.key.toLowerCase()) {
        case 'k':
          return take(() => state.setDialog('commands'));
        case 'b':
          return take(() => state.toggle('treeOpen'));
        case 'j':
          return take(() => state.setBottom({ open: !state.bottom.open }));
        case 'i':
          return take(() => state.toggle('inspectorOpen'));
        case '\\':
          return take(() => state.setLook(state.look === 'split' ? 'canvas' : 'split'));
        case 'enter':
          return take(() => (state.stepView ? runOne(state.stepView) : startRun()));
        case 'z': {
          // Text being typed in the code editor has an undo of its own.
          if (target.closest('.monaco-editor') || isReadOnly(state)) return;
          return take(() => (event.shiftKey ? state.redo() : state.undo()));
        }
        case 'y':
          if (!target.closest('.monaco-editor') && !isReadOnly(state)) take(() => state.redo());
          return;
        case 's':
          // Everything is saved as it is made; the key must not open the browser's dialog.
          return take(() => {});
      }
    }
    window.addEventListener('keydown', onKeyDown);
    return () => window.removeEventListener('keydown', onKeyDown);
  }, []);
}

/** Moves the focus to the next part of the window, so that no one is caught in the canvas. */
function nextArea(step: 1 | -1): void {
  const areas = AREAS.map((name) => document.querySelector<HTMLElement>(name)).filter((one) => one !== null);
  const at = areas.findIndex((one) => one.contains(document.activeElement));
  const next = areas[(at + step + areas.length) % areas.length];
  next?.querySelector<HTMLElement>(':is([tabindex="0"], button, input, textarea):not([role="separator"])')?.focus();
}
