/** The signal of one attempt at a step, made when somebody asks for it. It is aborted with the run's. */
export type AttemptSignal = {
  readonly signal: AbortSignal;
  readonly aborted: boolean;
  abort(reason: unknown): void;
  /** The attempt is over: it hears of the run no more. */
  release(): void;
};

/**
 * By hand, not with AbortSignal.any: a run of a million attempts must not leave a trace of each on its signal, and an
 * attempt that never waits needs none.
 */
export function createAttemptSignal(run: AbortSignal): AttemptSignal {
  return new LazySignal(run);
}

/** A class, since there is one for every step run, and few of them come to more than its two fields. */
class LazySignal implements AttemptSignal {
  readonly #run: AbortSignal;
  #own: { controller: AbortController; onAbort(): void } | undefined;

  constructor(run: AbortSignal) {
    this.#run = run;
  }

  get aborted(): boolean {
    return this.#own ? this.#own.controller.signal.aborted : this.#run.aborted;
  }

  get signal(): AbortSignal {
    return this.#open().controller.signal;
  }

  abort(reason: unknown): void {
    this.#open().controller.abort(reason);
  }

  release(): void {
    if (this.#own) this.#run.removeEventListener('abort', this.#own.onAbort);
  }

  #open() {
    if (this.#own) return this.#own;
    const controller = new AbortController();
    const run = this.#run;
    const onAbort = () => controller.abort(run.reason);
    if (run.aborted) onAbort();
    else run.addEventListener('abort', onAbort, { once: true });
    this.#own = { controller, onAbort };
    return this.#own;
  }
}
