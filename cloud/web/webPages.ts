import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { extname, join, normalize, sep } from 'node:path';
import { type Request, type Response, Router } from 'express';
import { EDITOR_TYPES, editorPolicy } from '#shared/editorFiles.ts';
import { SluiceError } from '#shared/error.ts';
import { isWebPlace } from '#shared/webScreens.ts';
import type { SignedIn } from '../server/actor.ts';
import type { MountDeps } from '../server/mount.ts';
import { isOpenedByPerson, sendNotFoundPage } from '../server/notFoundPage.ts';
import { rawRoute } from '../server/rawRoute.ts';

export type WebPageDeps = MountDeps & {
  publicUrl: string;
  /** The built editor. */
  rendererDir: string;
  signedIn(cookies: string | undefined): Promise<SignedIn | undefined>;
};

/** The built editor: beside the bundled program, or in the checkout's build. */
export function findRenderer(): string {
  const beside = join(import.meta.dirname, '..', 'renderer');
  return existsSync(join(beside, 'index.html')) ? beside : join(import.meta.dirname, '../../build/out/renderer');
}

/**
 * The editor below `/app`: one page for every address of its own, for whoever is signed in, and the files that it loads, which
 * are the same for everybody.
 */
export function webPages(deps: WebPageDeps): Router {
  const { rendererDir, publicUrl } = deps;
  const router = Router();
  const { host, protocol } = new URL(publicUrl);
  const policy = editorPolicy(`${protocol === 'https:' ? 'wss' : 'ws'}://${host}`);
  const route = (path: string, name: string) =>
    ({ name: `web.${name}`, method: 'GET', path, access: 'public', rate: 'monitor' }) as const;

  const page = async (req: Request, res: Response) => {
    const { path } = req;
    if (!isWebPlace(path)) {
      if (isOpenedByPerson(req)) return sendNotFoundPage(res);
      throw nothingHere();
    }
    const cookies = req.get('cookie');
    const session = await deps.signedIn(cookies);
    if (!session) return res.redirect(303, `/sign-in?next=${encodeURIComponent(path)}`);
    const text = await readFile(join(rendererDir, 'index.html'), 'utf8').catch((cause: unknown) => {
      throw new SluiceError('service.unavailable', 'The editor is not built here.', {
        advice: 'Build it, or use the desktop.',
        cause,
      });
    });
    res.setHeader('Content-Security-Policy', policy);
    res.setHeader('Cache-Control', 'no-store');
    res.type('html').send(asWebPage(text));
  };

  rawRoute(router, route('/', 'home'), (_req, res) => res.redirect(303, '/app'), deps);
  rawRoute(router, route('/app', 'start'), page, deps);
  const file = async (path: string, res: Response, forEver: boolean) => {
    const place = normalize(join(rendererDir, path));
    const type = EDITOR_TYPES[extname(place)];
    if (!type || path.includes('\0') || !place.startsWith(normalize(rendererDir) + sep)) throw nothingHere();
    const content = await readFile(place).catch(() => {
      throw nothingHere();
    });
    res.setHeader('Content-Security-Policy', policy);
    // Built files carry a hash in their name; the page that names them does not.
    res.setHeader('Cache-Control', forEver ? 'public, max-age=31536000, immutable' : 'no-cache');
    res.type(type).send(content);
  };
  rawRoute(
    router,
    route('/app/assets/:file', 'asset'),
    (req, res) => file(join('assets', String(req.params.file)), res, true),
    deps,
  );
  for (const name of ['theme.js', 'mark.svg'])
    rawRoute(router, route(`/app/${name}`, name), (_req, res) => file(name, res, false), deps);
  rawRoute(router, route('/app/{*rest}', 'page'), page, deps);
  return router;
}

const nothingHere = () => new SluiceError('request.not_found', 'There is nothing here.');

/** The same page as the desktop's, at addresses that it can be reloaded at, and told who serves it. */
function asWebPage(text: string): string {
  return text
    .replaceAll(/(src|href)="\.\//g, '$1="/app/')
    .replace('</title>', '</title>\n    <meta name="sluice-host" content="web" />');
}
