import { expect, test } from 'vitest';
import { hookItem } from './hookItem.ts';

function item(
  contentType: string | undefined,
  body: string | Uint8Array,
  more: Partial<Parameters<typeof hookItem>[0]> = {},
) {
  const headers = {
    ...(contentType ? { 'content-type': contentType } : {}),
    'X-Github-Event': 'issues',
    'set-cookie': ['a', 'b'],
  };
  return hookItem({
    method: 'post',
    path: '/hooks/a',
    query: 'a=1&b=2&b=3&c',
    headers,
    rawBody: typeof body === 'string' ? Buffer.from(body) : body,
    ...more,
  });
}

test('the item is the request, with names of headers in lower case', () => {
  expect(
    item('application/json; charset=utf-8', '{"action":"opened"}', { params: { id: '7' }, deliveryId: 'd1' }),
  ).toEqual({
    json: {
      method: 'POST',
      path: '/hooks/a',
      params: { id: '7' },
      query: { a: '1', b: ['2', '3'], c: '' },
      headers: { 'content-type': 'application/json; charset=utf-8', 'x-github-event': 'issues', 'set-cookie': 'a, b' },
      body: { action: 'opened' },
      deliveryId: 'd1',
    },
  });
});

test.each([
  ['application/json', ' [1]', [1]],
  ['application/vnd.api+json', 'null', null],
  ['application/x-www-form-urlencoded', 'a=x+y&b=1&b=2', { a: 'x y', b: ['1', '2'] }],
  ['text/plain', 'grüße', 'grüße'],
  ['application/xml', '<a/>', '<a/>'],
  ['application/json', '', null],
  [undefined, '', null],
])('%s %j is read as %j', (type, body, wanted) => {
  expect(item(type, body).json.body).toEqual(wanted);
  expect(item(type, body).binary).toBeUndefined();
});

test('text comes in the character set it says', () => {
  expect(item('text/plain; charset=iso-8859-1', Buffer.from([0xfc])).json.body).toBe('ü');
});

test.each([
  'image/png',
  'multipart/form-data; boundary=x',
  undefined,
])('bytes of %s are given back for a blob', (type) => {
  const bytes = Buffer.from([0, 255, 1]);
  expect(item(type, bytes)).toMatchObject({
    json: { body: null },
    binary: { bytes, mime: type?.split(';')[0] ?? 'application/octet-stream' },
  });
});

test.each([
  ['application/json', '{"a":', 'not valid JSON'],
  ['application/json', Buffer.from([0x22, 0xff, 0x22]), 'UTF-8'],
  ['application/json', '['.repeat(101), '100 deep'],
  ['application/json', `${'['.repeat(100_000)}${']'.repeat(100_000)}`, '100 deep'],
  ['text/plain; charset=nonsense', 'a', 'character set'],
])('%s with a body that is not one is refused', (type, body, why) => {
  expect(() => item(type, body)).toThrow(
    expect.objectContaining({ code: 'hook.body_invalid', message: expect.stringContaining(why) }),
  );
});

test('an error quotes nothing of the body', () => {
  try {
    item('application/json', '{"password": hunter2}');
    expect.fail('it was accepted');
  } catch (thrown) {
    expect((thrown as Error).message).not.toContain('hunter2');
  }
});

test('headers that are to be hidden are not in the item, and a name like __proto__ is only a name', () => {
  const { json } = item('application/json', '{"__proto__":{"admin":true}}', {
    headers: { 'content-type': 'application/json', authorization: 'Bearer x', 'x-a': '1' },
    hide: ['authorization'],
    query: '__proto__=1',
  });
  expect(json.headers).toEqual({ 'content-type': 'application/json', 'x-a': '1' });
  expect((json.body as { admin?: boolean }).admin).toBeUndefined();
  expect(({} as { admin?: boolean }).admin).toBeUndefined();
});
