import { request } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestCloud, type TestCloud } from '../../tests/fixtures/cloud.ts';
import type { Mail } from '../platform/mail.ts';
import { createMailing, showsLetters } from './mailing.ts';

let cloud: TestCloud;
let mail: Mail;
beforeAll(async () => {
  cloud = await startTestCloud({}, async (platform) => {
    mail = platform.mail;
    return [createMailing(platform)];
  });
});
afterAll(() => cloud.stop());

/** With a Host header of one's own, which `fetch` does not allow. */
function get(path: string, host?: string): Promise<{ status: number; text: string }> {
  return new Promise((done, fail) => {
    const asked = request(`${cloud.url}${path}`, { headers: host ? { host } : {} }, (answer) => {
      let text = '';
      answer.on('data', (part) => {
        text += String(part);
      });
      answer.on('end', () => done({ status: answer.statusCode ?? 0, text }));
    });
    asked.on('error', fail);
    asked.end();
  });
}

test('without a mail server the letters can be read on a page, newest first, and their links followed', async () => {
  const link = `${cloud.url}/verify?token=a_b`;
  for (const name of ['ann', 'ben']) {
    await mail.send({ to: `${name}@example.com`, subject: 'Hello <b>', text: `Open this:\n\n${link}` });
  }
  const { status, text } = await get('/mail');
  expect(status).toBe(200);
  expect(text.indexOf('ben@example.com')).toBeGreaterThan(0);
  expect(text.indexOf('ben@example.com')).toBeLessThan(text.indexOf('ann@example.com'));
  const path = /href="(\/mail\/[0-9a-f-]+)"/.exec(text)?.[1] ?? '';
  expect((await get(path)).text).toContain(`<a href="${link}">`);
  expect(text).not.toContain('<b>');
});

test('a page of another name that leads to this computer does not get the letters', async () => {
  expect(await get('/mail', 'evil.example')).toMatchObject({ status: 404 });
  expect(await get('/mail', `localhost:${new URL(cloud.url).port}`)).toMatchObject({ status: 200 });
  expect(await get('/mail/..%2f..%2fkeys%2fmaster')).toMatchObject({ status: 404 });
});

test('there is no such page where letters are sent, where others reach us, or under a public name', () => {
  const here = { mail: { from: 'x' }, host: '127.0.0.1', publicUrl: undefined };
  expect(showsLetters(here)).toBe(true);
  expect(showsLetters({ ...here, publicUrl: 'http://localhost:4400' })).toBe(true);
  expect(showsLetters({ ...here, host: '0.0.0.0' })).toBe(false);
  expect(showsLetters({ ...here, publicUrl: 'https://sluice.example' })).toBe(false);
});
