import { compileExpression, type Scope } from './expression.ts';

/** A scope as a step of a small workflow sees it, for tests. */
export function testScope(changes: Partial<Scope> = {}): Scope {
  return {
    json: {
      name: 'Ada',
      age: 36,
      'first name': 'Ada',
      nothing: null,
      list: [
        { sku: 'a', qty: 1 },
        { sku: 'b', qty: 3 },
        { sku: 'c', qty: 5 },
      ],
      tags: ['bug', 'urgent'],
      body: { action: 'opened', issue: { number: 7, title: 'It broke' } },
    },
    binary: { file: { mime: 'text/plain' } },
    itemIndex: 1,
    items: [{ json: { n: 1 } }, { json: { n: 2 } }, { json: { n: 3 } }],
    step: (ref) =>
      ref === 'set_k3f9' || ref === 'Set fields'
        ? { item: () => ({ json: { id: 42 } }), all: () => [{ json: { id: 41 } }, { json: { id: 42 } }] }
        : ref === 'lost'
          ? { item: () => undefined, all: () => [{ json: { id: 1 } }] }
          : undefined,
    trigger: { action: 'opened' },
    request: { method: 'POST', body: { x: 1 } },
    env: { trackerUrl: 'https://tracker.example' },
    run: { id: 'run-1', mode: 'manual' },
    workflow: { id: 'w-1', name: 'Triage' },
    now: Date.UTC(2026, 2, 1, 9, 30),
    timezone: 'Europe/Berlin',
    uuid: () => '0199c2f0-0000-7000-8000-000000000000',
    random: () => 0.5,
    ...changes,
  };
}

/** Compiles and evaluates at once. */
export function evaluate(source: string, changes: Partial<Scope> = {}): unknown {
  return compileExpression(source).evaluate(testScope(changes));
}
