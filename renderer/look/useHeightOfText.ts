import { type RefObject, useEffect, useLayoutEffect } from 'react';

/** Keeps a text area as high as its text, also when its width changes and lines break elsewhere. */
export function useHeightOfText(area: RefObject<HTMLTextAreaElement | null>, least: number): void {
  // After every drawing: the text may be another one.
  useLayoutEffect(() => grow(area.current, least));

  useEffect(() => {
    const element = area.current;
    if (!element) return;
    let width = element.clientWidth;
    const watch = new ResizeObserver(() => {
      if (element.clientWidth === width) return;
      width = element.clientWidth;
      grow(element, least);
    });
    watch.observe(element);
    return () => watch.disconnect();
  }, [area, least]);
}

function grow(element: HTMLTextAreaElement | null, least: number): void {
  if (!element) return;
  element.style.height = 'auto';
  element.style.height = `${Math.max(element.scrollHeight, least)}px`;
}
