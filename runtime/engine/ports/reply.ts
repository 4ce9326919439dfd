import type { HttpReply } from '#runtime/connectors/stepType.ts';
import { SluiceError } from '#shared/error.ts';
import { type Json, jsonDepth } from '#shared/json.ts';
import type { Blobs } from './ports.ts';

/** Keeps bytes by their hash. */
export type BlobSink = Pick<Blobs, 'put'>;

export type ReadOptions = { method: string; where: string; maxBytes: number; blobs?: BlobSink };

/** JSON and text up to here are carried inside the item; what is larger is stored. */
const INLINE_BYTES = 1024 * 1024;
const MAX_DEPTH = 200;

/** Reads an answer, no further than the limit. JSON is parsed, text decoded, other bytes stored as a blob. */
export async function readReply(
  response: Response,
  { method, where, maxBytes, blobs }: ReadOptions,
): Promise<HttpReply> {
  const headers: Record<string, string> = {};
  response.headers.forEach((value, name) => {
    headers[name] = name in headers ? `${headers[name]}, ${value}` : value;
  });
  const { status } = response;
  const bytes = method === 'HEAD' ? new Uint8Array() : await readBytes(response, where, maxBytes);
  if (bytes.length === 0) return { status, headers, body: null };
  const mime = (headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  const text = bytes.length <= INLINE_BYTES ? textOf(bytes, mime, headers['content-type'] ?? '') : undefined;
  if (text !== undefined) return { status, headers, body: isJsonType(mime) ? jsonOf(text) : text };
  if (!blobs) {
    throw new SluiceError(
      'step.output_too_large',
      `${where} answered with ${bytes.length} bytes of ${mime || 'an unknown kind'}, which cannot be kept here.`,
    );
  }
  const hash = await blobs.put(bytes);
  return {
    status,
    headers,
    body: null,
    binary: { blob: hash, bytes: bytes.length, mime: mime || 'application/octet-stream' },
  };
}

async function readBytes(response: Response, where: string, maxBytes: number): Promise<Uint8Array> {
  if (!response.body) return new Uint8Array();
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of response.body) {
    size += part.length;
    if (size > maxBytes) {
      throw new SluiceError('step.output_too_large', `${where} answered with more than ${maxBytes} bytes.`, {
        advice: 'Ask for less, for example a page at a time.',
        details: { limit: maxBytes, status: response.status },
      });
    }
    parts.push(part);
  }
  return Buffer.concat(parts, size);
}

function isJsonType(mime: string): boolean {
  return mime === 'application/json' || mime.endsWith('+json') || mime === 'text/json';
}

function textOf(bytes: Uint8Array, mime: string, contentType: string): string | undefined {
  const isText =
    isJsonType(mime) ||
    mime.startsWith('text/') ||
    /^application\/(xml|.*\+xml|javascript|x-www-form-urlencoded|x-ndjson|yaml|x-yaml|graphql|sql)$/.test(mime);
  if (!isText && mime !== '') return undefined;
  const charset = /charset="?([^";]+)/i.exec(contentType)?.[1]?.trim() ?? 'utf-8';
  try {
    // Without a type, only what is valid text is text.
    return new TextDecoder(charset, { fatal: mime === '' }).decode(bytes);
  } catch {
    return mime === '' ? undefined : new TextDecoder().decode(bytes);
  }
}

/** What says it is JSON and is not stays text: the step's next words can then look at it. */
function jsonOf(text: string): Json {
  if (jsonDepth(text, MAX_DEPTH) > MAX_DEPTH) return text;
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}
