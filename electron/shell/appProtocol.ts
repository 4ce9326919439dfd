import { readFile } from 'node:fs/promises';
import { extname, join, normalize, sep } from 'node:path';
import { EDITOR_HEADERS, EDITOR_TYPES, editorPolicy } from '#shared/editorFiles.ts';

export const SCHEME = 'app';
export const EDITOR_ORIGIN = 'app://sluice';

const HEADERS = { ...EDITOR_HEADERS, 'content-security-policy': editorPolicy() };

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
      const type = EDITOR_TYPES[extname(file)];
      if (host !== 'sluice' || path.includes('\0') || !file.startsWith(root) || !type) return nothing();
      const content = await readFile(file);
      return new Response(new Uint8Array(content), { headers: { ...HEADERS, 'content-type': type } });
    } catch {
      return nothing();
    }
  };
}
