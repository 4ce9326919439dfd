import canonicalize from 'canonicalize';
import { expect, test } from 'vitest';
import type { Json, JsonObject } from '#shared/json.ts';
import { runSketch } from '../../tests/fixtures/engine.ts';
import { memoryBlobs } from '../journal/memoryBlobs.ts';
import { canonicalText } from './canonicalText.ts';
import { openProjectStore } from './ports/projectStore.ts';

const HALF = '\ud83d';
/** What a service may send: half of a pair in a value and in a name. */
const SENT = { text: `cut off ${HALF}`, [`name ${HALF}`]: 1 };

test('half a surrogate pair makes a text that reads back as the same value, wherever its fields stand', () => {
  const value = { b: [HALF, { [HALF]: null }], a: 1.5, not: undefined } as unknown as Json;
  expect(canonicalText(value)).toBe('{"a":1.5,"b":["\\ud83d",{"\\ud83d":null}]}');
  expect(canonicalText({ a: 1.5, b: [HALF, { [HALF]: null }] })).toBe(canonicalText(value));
  expect(canonicalText([HALF])).not.toBe(canonicalText(['\ufffd']));
});

test('what has a text by RFC 8785 has that one, and the lenient one is no other', () => {
  const value = { z: [1e21, 1e-7, -0, true, null, 'é\u2028"'], a: { '\u20ac': 1, '\r': 2, 1: 3, '😀': 4 } };
  expect(canonicalText(value)).toBe(canonicalize(value));
  const half = canonicalText({ ...value, zz: HALF });
  expect(half).toBe(`${canonicalize(value)?.slice(0, -1)},"zz":"\\ud83d"}`);
});

const POST = {
  steps: {
    start: { uses: 'trigger.manual' },
    keep: { uses: 'table.insert', config: { table: 't', key: '=$json.text', row: { was: '=$json' } } },
    find: { uses: 'table.query', config: { table: 't' } },
    send: {
      uses: 'http.request',
      config: { method: 'POST', url: 'https://a.example/', body: '=$json.was', idempotencyHeader: 'Idempotency-Key' },
    },
  },
  edges: ['start -> keep', 'keep -> find', 'find -> send'],
};

test('a run keeps, sends and gets half a surrogate pair, and goes on after any crash', async () => {
  let calls = 0;
  const http = () => {
    calls++;
    return { status: 200, headers: {}, body: SENT as Json };
  };
  const options = { items: [SENT as JsonObject], blobs: memoryBlobs(), http };
  const whole = await runSketch(POST, options);
  expect(whole.outcome).toEqual({ status: 'succeeded' });
  expect(whole.left('send')).toMatchObject([{ body: SENT }]);
  const events = JSON.parse(JSON.stringify(whole.events)) as typeof whole.events;
  const intended = events.findIndex((event) => event.type === 'effect.intended' && event.kind === 'http');
  for (let cut = 1; cut < events.length; cut++) {
    const before = calls;
    const store = openProjectStore(':memory:');
    store.tableInsert('t', SENT.text, { was: SENT }, { effectKey: 'before' });
    const again = await runSketch(POST, { ...options, store, events: events.slice(0, cut), fence: 2 });
    expect(again.outcome, `after ${cut} events`).toEqual({ status: 'succeeded' });
    expect(calls - before, `after ${cut} events`).toBe(cut <= intended + 1 ? 1 : 0);
  }
});
