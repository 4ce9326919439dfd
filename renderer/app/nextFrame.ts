const UNSEEN_MS = 250;

/** Runs before the next drawing. A window that nobody sees is not drawn; there it runs a moment later all the same. */
export function nextFrame(run: () => void): void {
  const once = () => {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
    run();
  };
  const frame = requestAnimationFrame(once);
  const timer = setTimeout(once, UNSEEN_MS);
}
