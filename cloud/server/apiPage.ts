import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Response, Router } from 'express';
import { SluiceError } from '#shared/error.ts';
import type { MountDeps } from './mount.ts';
import { describeApi } from './openApi.ts';
import { rawRoute } from './rawRoute.ts';

export type ApiPageDeps = MountDeps & { publicUrl: string };

/** Where the files of the page lie, in the sources and beside the built program alike. */
const FILES = join(import.meta.dirname, 'apiPage');

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>The API of Sluice</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/v1/docs/page.css">
<script type="module" src="/v1/docs/page.js"></script>
</head>
<body>
<header>
<h1>The API of Sluice</h1>
<p>Every call of the control plane, as <a href="/v1/openapi.json">OpenAPI 3.1</a>. Requests that you send here are real.
What you type is forgotten when you leave the page.</p>
<div class="fields">
<label>Access token<input id="token" type="password" autocomplete="off" spellcheck="false"></label>
<label>Workspace<input id="workspace" autocomplete="off" spellcheck="false"></label>
<label>Find a call<input id="find" type="search" autocomplete="off"></label>
</div>
</header>
<main><p>Reading the description …</p></main>
</body>
</html>
`;

/** Only this page has a script, its own; it asks nobody but us. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join('; ');

/** `/v1/openapi.json`: what there is to ask. `/v1/docs`: the same to read and to try. */
export function apiPageRouter(deps: ApiPageDeps): Router {
  const { routes, publicUrl } = deps;
  const router = Router();
  const route = (name: string, path: string) =>
    ({ name, method: 'GET', path, access: 'public', rate: 'read' }) as const;
  // Made at the first request: by then every route is in the registry, and nothing adds one later.
  let description: { text: string; etag: string } | undefined;

  rawRoute(
    router,
    route('docs.description', '/v1/openapi.json'),
    (req, res) => {
      description ??= withTag(JSON.stringify(describeApi(routes.list(), publicUrl)));
      res.setHeader('ETag', description.etag);
      res.setHeader('Cache-Control', 'no-cache');
      if (req.get('if-none-match') === description.etag) res.status(304).end();
      else res.type('application/json').send(description.text);
    },
    deps,
  );

  rawRoute(
    router,
    route('docs.page', '/v1/docs'),
    (_req, res) => {
      res.setHeader('Content-Security-Policy', POLICY);
      res.setHeader('Cache-Control', 'no-cache');
      res.type('html').send(PAGE);
    },
    deps,
  );

  rawRoute(router, route('docs.file', '/v1/docs/:file'), (req, res) => sendFile(res, String(req.params.file)), deps);
  return router;
}

const TYPES: Record<string, string> = { 'page.js': 'text/javascript', 'page.css': 'text/css' };

function sendFile(res: Response, name: string): void {
  const type = Object.hasOwn(TYPES, name) ? TYPES[name] : undefined;
  if (!type) throw new SluiceError('request.not_found', 'There is no such file.');
  res.setHeader('Cache-Control', 'no-cache');
  res.type(type).send(readFileSync(join(FILES, name), 'utf8'));
}

function withTag(text: string): { text: string; etag: string } {
  return { text, etag: `"${createHash('sha256').update(text).digest('base64url').slice(0, 22)}"` };
}
