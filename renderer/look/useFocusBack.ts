import { useState } from 'react';

/** Left by a dialog that led to the next one. */
let handedOn: HTMLElement | undefined;

/** What is focused now; of a menu, which will be gone, the button that opened it. */
function focused(): HTMLElement | undefined {
  const active = document.activeElement as HTMLElement | null;
  if (!active || active === document.body) return undefined;
  const opener = active.closest('[role="menu"]')?.getAttribute('aria-labelledby');
  return (opener && document.getElementById(opener)) || active;
}

/** Of a tree only one row is reached by Tab: the one that is chosen by now. */
function reachable(one: HTMLElement): HTMLElement {
  return (one.tabIndex < 0 && one.closest('[role="tree"]')?.querySelector<HTMLElement>('[tabindex="0"]')) || one;
}

/**
 * The way back for a dialog that is there only while it is shown. Radix knows none but to a trigger of its own, and would leave
 * the focus nowhere.
 *
 * @returns what to do when it has closed; with `onlyTo` only a place that fits is gone back to
 */
export function useFocusBack(): (event: Event, onlyTo?: string) => void {
  // When it is drawn for the first time, the focus is still where it was.
  const [before] = useState(focused);
  return (event, onlyTo) => {
    event.preventDefault();
    const place = [before, handedOn].find((one) => one?.isConnected);
    const next = document.querySelector('[role="dialog"]');
    const isLeft = next !== null && !next.contains(place ?? null);
    handedOn = isLeft ? place : undefined;
    if (!isLeft && place && (!onlyTo || place.matches(onlyTo))) reachable(place).focus({ preventScroll: true });
  };
}
