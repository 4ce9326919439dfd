import { readFile } from 'node:fs/promises';
import { extname, join, normalize, sep } from 'node:path';

export const SCHEME = 'app';
export const EDITOR_ORIGIN = 'app://sluice';

const TYPES: Record<string, string> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.ttf': 'font/ttf',
  '.wasm': 'application/wasm',
  '.woff2': 'font/woff2',
};

/** Nothing from elsewhere, no script in the page, no frame, no form: the editor needs none of it. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "font-src 'self'",
  "worker-src 'self' blob:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const HEADERS = {
  'content-security-policy': CONTENT_SECURITY_POLICY,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};

/** Answers requests for the editor's files from the built editor, and from nowhere else. */
export function answerFrom(rendererDir: string): (request: Request) => Promise<Response> {
  const root = normalize(rendererDir) + sep;
  return async (request) => {
    const nothing = () =>
      new Response('There is nothing here.\n', {
        status: 404,
        headers: { ...HEADERS, 'content-type': 'text/plain; charset=utf-8' },
      });
    if (request.method !== 'GET' && request.method !== 'HEAD') return nothing();
    try {
      const { host, pathname } = new URL(request.url);
      const path = decodeURIComponent(pathname);
      const file = normalize(join(root, path === '/' || path === '' ? 'index.html' : path));
      const type = TYPES[extname(file)];
      if (host !== 'sluice' || path.includes('\0') || !file.startsWith(root) || !type) return nothing();
      const content = await readFile(file);
      return new Response(new Uint8Array(content), { headers: { ...HEADERS, 'content-type': type } });
    } catch {
      return nothing();
    }
  };
}
