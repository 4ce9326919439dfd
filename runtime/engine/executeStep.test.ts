import { describe, expect, test } from 'vitest';
import { SluiceError } from '#shared/error.ts';
import { runSketch } from '../../tests/fixtures/engine.ts';

const post = {
  uses: 'http.request',
  config: { method: 'POST', url: 'https://tracker.example/', body: { n: '=$json.n' } },
};
const keyed = { uses: 'http.request', config: { ...post.config, idempotencyHeader: 'Idempotency-Key' } };
const chain = (step: object, more: object = {}) => ({
  steps: {
    start: { uses: 'trigger.manual' },
    send: { ...step, ...more } as typeof post,
    after: { uses: 'items.set', config: { fields: { after: 1 } } },
  },
  edges: ['start -> send', 'send -> after'],
});
const fine = { status: 200, headers: {}, body: { ok: true } };

/** A network that fails some times before it answers. */
function failing(times: number, code: 'connector.unavailable' | 'connector.unclear' | 'connector.rejected') {
  const keys: (string | undefined)[] = [];
  return {
    keys,
    http: (_request: unknown, key: string | undefined) => {
      keys.push(key);
      if (keys.length <= times) throw new SluiceError(code, 'The tracker did not answer.');
      return fine;
    },
  };
}

describe('retries', () => {
  test('what surely did not happen is tried again after 1, 5 and 15 seconds', async () => {
    const network = failing(3, 'connector.unavailable');
    const run = await runSketch(chain(post), network);
    expect(run.outcome.status).toBe('succeeded');
    expect(
      run
        .ofType('step.attempted')
        .filter((event) => event.stepId === 'send')
        .map((event) => event.attempt),
    ).toEqual([1, 2, 3, 4]);
    const [first, second, third] = run
      .ofType('step.failed')
      .map((event) => Date.parse(event.retryAt ?? '') - Date.parse(event.at));
    expect([first, second, third]).toEqual([1_000, 5_000, 15_000]);
  });

  test('when no try is left the run fails with the last error', async () => {
    const run = await runSketch(chain(post), failing(99, 'connector.unavailable'));
    expect(run.outcome).toMatchObject({ status: 'failed', error: { code: 'connector.unavailable', stepId: 'send' } });
    expect(run.ofType('step.failed').at(-1)?.retryAt).toBeUndefined();
  });

  test('a count of none turns retries off', async () => {
    const network = failing(1, 'connector.unavailable');
    const run = await runSketch(chain(post, { retry: { count: 0, delayMs: 0, backoff: 'fixed' } }), network);
    expect(run.outcome.status).toBe('failed');
    expect(network.keys).toHaveLength(1);
  });

  test('a refusal is not tried again', async () => {
    const network = failing(1, 'connector.rejected');
    const run = await runSketch(chain(post, { retry: { count: 3, delayMs: 10, backoff: 'exponential' } }), network);
    expect(run.outcome.status).toBe('failed');
    expect(network.keys).toHaveLength(1);
  });

  test('every attempt of a keyed effect has the same key, and each item another', async () => {
    const network = failing(1, 'connector.unclear');
    const run = await runSketch(chain(keyed, { retry: { count: 2, delayMs: 10, backoff: 'fixed' } }), {
      ...network,
      items: [{ n: 1 }, { n: 2 }],
    });
    expect(run.outcome.status).toBe('succeeded');
    const [first, again, second] = network.keys;
    expect(again).toBe(first);
    expect(second).not.toBe(first);
    expect(network.keys).toHaveLength(3);
  });

  test('an unsafe effect that may have happened waits for a person', async () => {
    const network = failing(1, 'connector.unclear');
    const run = await runSketch(chain(post, { retry: { count: 3, delayMs: 10, backoff: 'fixed' } }), network);
    expect(run.outcome.status).toBe('waiting');
    expect(run.ofType('run.waiting')).toMatchObject([
      { stepId: 'send', reason: 'needs_attention', error: { code: 'connector.unclear' } },
    ]);
    expect(network.keys).toHaveLength(1);
  });
});

describe('errors', () => {
  const nothing = { uses: 'items.set', config: { fields: { bad: '=$json.a.b.c' } } };

  test('an error names the step, the item, the field and what there is', async () => {
    const run = await runSketch(chain(nothing), { items: [{ a: { b: { c: 1 } } }, { a: 1 }] });
    expect(run.outcome).toMatchObject({
      status: 'failed',
      error: { code: 'expression.failed', stepId: 'send', details: { itemIndex: 1 } },
    });
    expect(run.outcome.error?.message).toContain('fields.bad');
  });

  test('continue passes the item on with its error', async () => {
    const run = await runSketch(chain(nothing, { onError: 'continue' }), { items: [{ a: { b: { c: 1 } } }, { a: 1 }] });
    expect(run.outcome.status).toBe('succeeded');
    expect(run.left('after')).toMatchObject([
      { bad: 1 },
      { a: 1, error: { code: 'expression.failed', stepId: 'send' } },
    ]);
  });

  test('port sends only the items that failed to error', async () => {
    const sketch = chain(nothing, { onError: 'port' });
    const run = await runSketch(
      {
        ...sketch,
        steps: { ...sketch.steps, failed: { uses: 'items.set', config: { fields: { why: '=$json.error.code' } } } },
        edges: [...sketch.edges, 'send.error -> failed'],
      },
      { items: [{ a: { b: { c: 1 } } }, { a: 1 }] },
    );
    expect(run.left('after')).toHaveLength(1);
    expect(run.left('failed')).toMatchObject([{ a: 1, why: 'expression.failed' }]);
  });

  test('a step stops at its time limit', async () => {
    const never = () => new Promise<typeof fine>(() => undefined);
    const run = await runSketch(chain(keyed, { timeoutMs: 20, retry: { count: 0, delayMs: 0, backoff: 'fixed' } }), {
      http: never,
    });
    expect(run.outcome).toMatchObject({
      status: 'failed',
      error: { code: 'step.timed_out', details: { timeoutMs: 20 } },
    });
  });

  test('a run stops at its time limit', async () => {
    const never = () => new Promise<typeof fine>(() => undefined);
    const run = await runSketch(chain(keyed), { http: never, limits: { runTimeoutMs: 20 } });
    expect(run.outcome).toMatchObject({ status: 'timed_out', error: { code: 'run.timed_out' } });
    expect(run.ofType('run.ended')).toMatchObject([{ status: 'timed_out' }]);
  });

  test('a cancelled run ends as cancelled and writes nothing after', async () => {
    const controller = new AbortController();
    const http = () => {
      controller.abort(new SluiceError('run.cancelled', 'The run was cancelled.'));
      return new Promise<typeof fine>((resolve) => setTimeout(() => resolve(fine), 5));
    };
    const run = await runSketch(chain(keyed), { http, signal: controller.signal });
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(run.outcome.status).toBe('cancelled');
    expect(run.events.at(-1)?.type).toBe('run.ended');
  });
});
