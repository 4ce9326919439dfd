import { type RefObject, useEffect, useLayoutEffect } from 'react';

/** The class of a text area that browsers keep as high as its text; those that cannot are measured here. */
export const HEIGHT_OF_TEXT = 'field-sizing-content';
const isDoneByBrowser = () => CSS.supports('field-sizing', 'content');

/**
 * Keeps a text area as high as its text, also when its width changes and lines break elsewhere. Measuring makes the browser
 * lay out the whole page, so it is done only where the browser cannot do it, and where the text is another one.
 */
export function useHeightOfText(area: RefObject<HTMLTextAreaElement | null>, text: string, least: number): void {
  // biome-ignore lint/correctness/useExhaustiveDependencies: the text is what the height follows.
  useLayoutEffect(() => grow(area.current, least), [area, text, least]);

  useEffect(() => {
    const element = area.current;
    if (!element || isDoneByBrowser()) return;
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
  if (!element || isDoneByBrowser()) return;
  element.style.height = 'auto';
  element.style.height = `${Math.max(element.scrollHeight, least)}px`;
}
