import { useEffect, useRef } from 'react';

/** Asks again now and then while the page is looked at. */
export function useRefresh(again: () => Promise<void>, everyMs: number): void {
  const current = useRef(again);
  current.current = again;
  useEffect(() => {
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') void current.current();
    }, everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
}
