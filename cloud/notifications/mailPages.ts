import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Request, Router } from 'express';
import { z } from 'zod';
import { SluiceError } from '#shared/error.ts';
import { type Html, html } from '#shared/html.ts';
import { document, type Page } from '../accounts/pages/views.ts';
import type { MountDeps } from '../server/mount.ts';
import { rawRoute } from '../server/rawRoute.ts';

const Kept = z.object({ id: z.uuid(), at: z.string(), to: z.string(), subject: z.string(), text: z.string() });
type Kept = z.infer<typeof Kept>;

const MOST = 50;
const FILE = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}\.json$/;

/** For whoever develops with it: the letters that were not sent anywhere. Answered to this computer only, by its own name. */
export function mailPageRouter({ folder }: { folder: string }, http: MountDeps): Router {
  const router = Router();
  const route = (path: string, name: string) =>
    ({ name: `pages.${name}`, method: 'GET', path, access: 'public', rate: 'read' }) as const;

  rawRoute(
    router,
    route('/mail', 'mail'),
    async (req, res) => {
      mustBeHere(req);
      res.setHeader('Cache-Control', 'no-store');
      res.type('html').send(document(listPage(await newest(folder))));
    },
    http,
  );

  rawRoute(
    router,
    route('/mail/:letterId', 'letter'),
    async (req, res) => {
      mustBeHere(req);
      const file = `${String(req.params.letterId)}.json`;
      const letter = FILE.test(file) ? await read(join(folder, file)) : undefined;
      if (!letter) throw new SluiceError('request.not_found', 'There is no such letter.');
      res.setHeader('Cache-Control', 'no-store');
      res.type('html').send(document(letterPage(letter)));
    },
    http,
  );
  return router;
}

/** A page of another origin that resolves to this computer has another name in its address. */
function mustBeHere(req: Request): void {
  const from = req.socket.remoteAddress ?? '';
  const name = (req.get('host') ?? '').replace(/:\d+$/, '');
  const here = from === '127.0.0.1' || from === '::1' || from === '::ffff:127.0.0.1';
  if (here && (name === '127.0.0.1' || name === 'localhost' || name === '[::1]')) return;
  throw new SluiceError('request.not_found', 'There is nothing at GET on this address.');
}

async function newest(folder: string): Promise<Kept[]> {
  const files = (await readdir(folder).catch(() => [])).filter((file) => FILE.test(file));
  // Their names begin with the time.
  const last = files.sort().reverse().slice(0, MOST);
  return (await Promise.all(last.map((file) => read(join(folder, file))))).filter((letter) => letter !== undefined);
}

async function read(file: string): Promise<Kept | undefined> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  return text === undefined ? undefined : Kept.safeParse(JSON.parse(text)).data;
}

function listPage(letters: Kept[]): Page {
  return {
    title: 'Letters',
    lead: 'No mail server is set up, so letters stay here.',
    body:
      letters.length === 0
        ? html`<p>There are none yet.</p>`
        : html`${letters.map(({ id, to, subject, at }) => html`<p><a href="/mail/${id}">${subject}</a><br>${to}, ${at}</p>\n`)}`,
  };
}

function letterPage({ subject, to, text }: Kept): Page {
  const linked = (line: string): Html =>
    html`${line.split(/(https?:\/\/\S+)/).map((part, n) => (n % 2 ? html`<a href="${part}">${part}</a>` : html`${part}`))}`;
  return {
    title: subject,
    lead: `to ${to}`,
    body: html`${text.split(/\n\n+/).map((paragraph) => html`<p>${linked(paragraph)}</p>\n`)}`,
    below: html`<span><a href="/mail">All letters</a></span>`,
  };
}
