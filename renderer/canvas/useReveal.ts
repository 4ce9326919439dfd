import { useReactFlow } from '@xyflow/react';
import { type RefObject, useEffect } from 'react';
import { now, useEditor } from '../state/store.ts';
import { reveal } from './fit.ts';

/** Forms and panes take this long to come to rest. */
const REVEAL_MS = 220;

/** Keeps the one selected card in view: opening its form, splitting the pane or narrowing the window may cover it. */
export function useReveal(box: RefObject<HTMLElement | null>): void {
  const flow = useReactFlow();
  const selection = useEditor((state) => state.selection);

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const plan = () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        const [only, ...others] = now().selection;
        if (only && others.length === 0) reveal(flow, only);
      }, REVEAL_MS);
    };
    if (selection.length === 1) plan();
    const element = box.current;
    let before = element?.getBoundingClientRect();
    const watch = new ResizeObserver(() => {
      const size = element?.getBoundingClientRect();
      // More room hides nothing.
      if (size && before && (size.width < before.width || size.height < before.height)) plan();
      before = size;
    });
    if (element) watch.observe(element);
    return () => {
      clearTimeout(timer);
      watch.disconnect();
    };
  }, [selection, flow, box]);
}
