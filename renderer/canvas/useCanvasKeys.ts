import { useReactFlow } from '@xyflow/react';
import { useEffect, useRef } from 'react';
import { openWorkflow } from '../state/documentSlice.ts';
import { GRID, neighbour, readingOrder } from '../state/steps.ts';
import { now } from '../state/store.ts';
import {
  addAfterSelection,
  moveSelection,
  removeSelection,
  runFrom,
  tidyUp,
  toggleDisabled,
  togglePin,
} from './commands.ts';
import { fitAll, reveal } from './fit.ts';

const DIRECTIONS = { ArrowLeft: 'left', ArrowRight: 'right', ArrowUp: 'up', ArrowDown: 'down' } as const;
const MOVES = { ArrowLeft: [-GRID, 0], ArrowRight: [GRID, 0], ArrowUp: [0, -GRID], ArrowDown: [0, GRID] } as const;
type Arrow = keyof typeof DIRECTIONS;

type CanvasKeys = {
  onMode: (mode: 'select' | 'hand') => void;
  onRename: (stepId: string) => void;
  onConnect: (stepId: string) => void;
};

/** The single letters and arrows of the canvas. They act only while the canvas or nothing has the focus, never in a field. */
export function useCanvasKeys(handlers: CanvasKeys): void {
  const onKeyDown = useKeyHandler(handlers);
  const latest = useRef(onKeyDown);
  latest.current = onKeyDown;
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      if (target === document.body || target.closest('.flow')) latest.current(event);
    };
    window.addEventListener('keydown', listen);
    return () => window.removeEventListener('keydown', listen);
  }, []);
}

function useKeyHandler({ onMode, onRename, onConnect }: CanvasKeys) {
  const flow = useReactFlow();

  return function onKeyDown(event: KeyboardEvent) {
    const target = event.target as HTMLElement;
    if (target.closest('input, textarea, [contenteditable], [role=menu], [role=dialog]')) return;
    const state = now();
    const workflow = openWorkflow(state);
    if (!workflow) return;
    const stepId = state.selection.at(-1);
    const mod = event.ctrlKey || event.metaKey;
    const done = () => {
      event.preventDefault();
      event.stopPropagation();
    };

    if (event.key in DIRECTIONS && !mod) {
      done();
      const key = event.key as Arrow;
      if (event.altKey) {
        const [dx, dy] = MOVES[key];
        return moveSelection(dx, dy);
      }
      const next = stepId ? neighbour(workflow, stepId, DIRECTIONS[key]) : readingOrder(workflow)[0]?.stepId;
      if (!next) return;
      state.select(event.shiftKey ? [...new Set([...state.selection, next])] : [next]);
      return reveal(flow, next);
    }
    if (mod && event.key.toLowerCase() === 'a') {
      done();
      return state.select(Object.keys(workflow.steps));
    }
    if (mod || event.altKey) return;
    switch (event.key) {
      case 'n':
      case 'N':
        done();
        return addAfterSelection();
      case 'Tab':
        if (!stepId || event.shiftKey) return;
        done();
        return addAfterSelection();
      case 'Enter':
        if (!stepId || target.closest('button')) return;
        done();
        return state.openStep(stepId);
      case 'Escape':
        if (state.selection.length + state.selectedEdges.length === 0) {
          if (!state.settingsOpen) return;
          done();
          return state.openSettings(false);
        }
        done();
        return state.select([]);
      case 'Delete':
      case 'Backspace':
        done();
        return removeSelection();
      case 'F2':
        if (stepId) {
          done();
          onRename(stepId);
        }
        return;
      case 'd':
      case 'D':
        if (state.selection.length > 0) {
          done();
          toggleDisabled(state.selection);
        }
        return;
      case 'p':
      case 'P':
        if (stepId) {
          done();
          void togglePin(stepId);
        }
        return;
      case 'c':
      case 'C':
        if (stepId) {
          done();
          onConnect(stepId);
        }
        return;
      case 'R':
        if (stepId && event.shiftKey) {
          done();
          runFrom(stepId);
        }
        return;
      case 'L':
        if (event.shiftKey) {
          done();
          void tidyUp().then(() => fitAll(flow, 280));
        }
        return;
      case '1':
        done();
        return fitAll(flow, 280);
      case '0':
        done();
        return void flow.zoomTo(1, { duration: 180 });
      case 'v':
      case 'V':
        return onMode('select');
      case 'h':
      case 'H':
        return onMode('hand');
    }
  };
}
