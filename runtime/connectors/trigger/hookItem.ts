import { SluiceError } from '#shared/error.ts';
import { type Json, type JsonObject, jsonDepth, nestsDeeper } from '#shared/json.ts';
import type { HookHeaders } from './verifyHook.ts';

export type HookRequest = {
  method: string;
  /** As it was called, without the query. */
  path: string;
  /** What the parts `:name` of the webhook's path stood for. */
  params?: Record<string, string>;
  /** The query's text, without the `?`. */
  query: string;
  headers: HookHeaders;
  rawBody: Uint8Array;
  deliveryId?: string;
  /** Headers left out, in lower case: those that carry a secret. */
  hide?: string[];
};

/** The trigger's `json`, which is `$request` too, and the bytes that are to become `binary.body`. */
export type HookItem = {
  json: JsonObject;
  binary?: { bytes: Uint8Array; mime: string; name?: string };
};

const MAX_DEPTH = 100;
const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Makes the item that a webhook's run starts with. JSON is parsed, a form becomes an object, text stays text; what is
 * none of them is given back as bytes for a blob, with `body: null`.
 *
 * @throws SluiceError hook.body_invalid where the body is not what its Content-Type says
 */
export function hookItem({
  method,
  path,
  params,
  query,
  headers,
  rawBody,
  deliveryId,
  hide = [],
}: HookRequest): HookItem {
  const type = single(headers['content-type']) ?? '';
  const mime = type.split(';')[0]?.trim().toLowerCase() ?? '';
  const body = bodyOf(rawBody, mime, type);
  const json: JsonObject = {
    method: method.toUpperCase(),
    path,
    params: { ...params },
    query: pairs(query),
    headers: shownHeaders(headers, hide),
    body: body === undefined ? null : body,
    deliveryId: deliveryId ?? null,
  };
  return body === undefined ? { json, binary: { bytes: rawBody, mime: mime || 'application/octet-stream' } } : { json };
}

function bodyOf(bytes: Uint8Array, mime: string, type: string): Json | undefined {
  if (bytes.length === 0) return null;
  if (mime === 'application/json' || mime.endsWith('+json') || mime === 'text/json') return jsonOf(bytes);
  if (mime === 'application/x-www-form-urlencoded') return pairs(textOf(bytes, type));
  const isText = mime.startsWith('text/') || mime === 'application/xml' || mime.endsWith('+xml');
  return isText ? textOf(bytes, type) : undefined;
}

/** @throws SluiceError hook.body_invalid, quoting nothing of the body */
export function jsonOf(bytes: Uint8Array): Json {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch (cause) {
    throw new SluiceError('hook.body_invalid', 'The body is not valid UTF-8, which JSON must be.', { cause });
  }
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch (cause) {
    if (jsonDepth(text, MAX_DEPTH) > MAX_DEPTH) throw tooDeep();
    // The parser's own message quotes the body.
    const at = /position (\d+)/.exec(cause instanceof Error ? cause.message : '')?.[1];
    throw new SluiceError('hook.body_invalid', `The body is not valid JSON${at ? ` (at character ${at})` : ''}.`, {
      cause,
      advice: 'Send valid JSON, or say another Content-Type.',
    });
  }
  if (nestsDeeper(value, MAX_DEPTH)) throw tooDeep();
  return value;
}

function tooDeep(): SluiceError {
  return new SluiceError('hook.body_invalid', `The body nests more than ${MAX_DEPTH} deep.`);
}

/** Bytes as text of the character set that a Content-Type says. @throws SluiceError hook.body_invalid */
export function textOf(bytes: Uint8Array, type: string): string {
  const charset = /charset="?([^";]+)/i.exec(type)?.[1]?.trim() ?? 'utf-8';
  try {
    return new TextDecoder(charset).decode(bytes);
  } catch (cause) {
    throw new SluiceError('hook.body_invalid', 'The body’s character set is not known.', { cause });
  }
}

/** Names and values of a query or a form; a name that comes more than once holds a list. */
export function pairs(text: string): JsonObject {
  const found = new Map<string, Json>();
  for (const [name, value] of new URLSearchParams(text)) {
    const before = found.get(name);
    found.set(name, before === undefined ? value : Array.isArray(before) ? [...before, value] : [before, value]);
  }
  return Object.fromEntries(found);
}

/** Headers as an item has them: names in lower case, one text each. */
export function shownHeaders(headers: HookHeaders, hide: readonly string[]): JsonObject {
  const shown: JsonObject = {};
  for (const [name, value] of Object.entries(headers)) {
    const lower = name.toLowerCase();
    if (value !== undefined && !hide.includes(lower)) shown[lower] = Array.isArray(value) ? value.join(', ') : value;
  }
  return shown;
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
