import type { Socket } from 'node:net';
import express from 'express';
import { expect, test } from 'vitest';
import { clientOf, networkOf } from './network.ts';

test('who may choose among many addresses has one count, and neighbours of another network have their own', () => {
  expect(networkOf('2001:db8:1:2::1')).toBe('2001:db8:1:2::/64');
  const chosen = ['2001:db8:1:2:ffff::9', '2001:0db8:0001:0002:0:0:0:abcd', '2001:DB8:1:2::1'];
  expect(new Set(chosen.map(networkOf))).toEqual(new Set(['2001:db8:1:2::/64']));
  const others = ['2001:db8:1:3::1', '203.0.113.1', '203.0.113.2', '::1', 'none', ''];
  expect(new Set(others.map(networkOf)).size).toBe(others.length);
  expect(networkOf('::ffff:203.0.113.1')).toBe(networkOf('203.0.113.1'));
  expect(networkOf('::ffff:cb00:7101')).toBe('203.0.113.1');
});

test.each([0, 1, 2, 3])('behind %i proxies a socket and a request come from the same address', (trustProxy) => {
  const app = express();
  app.set('trust proxy', trustProxy);
  for (const forwarded of [undefined, '203.0.113.9', '198.51.100.1, 203.0.113.9', 'a,b ,, c', '']) {
    const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded };
    const socket = { remoteAddress: '192.0.2.1' } as Socket;
    const seen = Object.assign(Object.create(app.request), { app, headers, socket, connection: socket }) as {
      ip: string;
    };
    expect([forwarded, clientOf({ headers, socket }, trustProxy)]).toEqual([forwarded, seen.ip]);
  }
});
