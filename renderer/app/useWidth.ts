import { useEffect, useState } from 'react';

/** Below this width the bottom panel takes the place of the workflow, and a step shows one column at a time. */
export const ONE_AT_A_TIME_BELOW = 900;

/** The width of the window in pixels. */
export function useWidth(): number {
  const [width, setWidth] = useState(window.innerWidth);
  useEffect(() => {
    const read = () => setWidth(window.innerWidth);
    window.addEventListener('resize', read);
    return () => window.removeEventListener('resize', read);
  }, []);
  return width;
}
