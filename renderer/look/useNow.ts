import { useEffect, useState } from 'react';

/** The time, read again every so often while `on`. Milliseconds since 1970. */
export function useNow(everyMs: number, on = true): number {
  const [time, setTime] = useState(() => Date.now());
  useEffect(() => {
    if (!on) return;
    setTime(Date.now());
    const timer = setInterval(() => setTime(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs, on]);
  return time;
}
