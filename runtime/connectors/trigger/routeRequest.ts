import { SluiceError } from '#shared/error.ts';
import type { Json, JsonObject } from '#shared/json.ts';
import { jsonOf, pairs, shownHeaders, textOf } from './hookItem.ts';
import { readMultipart, type SentFile } from './multipart.ts';
import type { RouteConfig } from './routeConfig.ts';
import { type InputFault, invalidInput, type RouteCheck } from './routeInput.ts';
import type { HookHeaders } from './verifyHook.ts';

export type RouteRequest = {
  config: RouteConfig;
  check: RouteCheck;
  method: string;
  /** As it was called, without the query. */
  path: string;
  params: Record<string, string>;
  /** The query's text, without the `?`. */
  query: string;
  headers: HookHeaders;
  rawBody: Uint8Array;
  /** Who calls, as `checkCaller` says. */
  caller: JsonObject | null;
  /** The header that carries the key, in lower case. */
  keyHeader: string;
};

type Kind = RouteConfig['accepts'][number];
type Body = { body: Json | undefined; files: SentFile[]; isForm: boolean };

/** What proves who somebody is stays out of journals. */
const SECRET_HEADERS = ['authorization', 'cookie', 'proxy-authorization', 'x-api-key'];
/** Around the texts and files of a multipart body: boundaries, names, types. */
const FRAMING_BYTES = 65_536;

/** The most bytes that a request to a route may have. */
export function mostBytes({ maxBytes, files }: RouteConfig): number {
  if (files.length === 0) return maxBytes;
  return files.reduce((sum, file) => sum + file.maxBytes, maxBytes + FRAMING_BYTES);
}

/**
 * Makes the item that a route's run starts with, of a request that fits all its schemas. `files` are to become files of
 * the item, by their names; bytes that are none of the known kinds are the file `body`.
 *
 * @throws SluiceError hook.body_invalid, hook.body_too_large, route.media_unsupported, route.input_invalid
 */
export async function readRouteRequest(request: RouteRequest): Promise<{ json: JsonObject; files: SentFile[] }> {
  const { config, check, method, path, params, query, headers, caller, keyHeader } = request;
  const { body, files, isForm } = await bodyOf(request);
  const shown = shownHeaders(headers, [...SECRET_HEADERS, keyHeader]);
  const read = check({ params, query: pairs(query), headers: shown, body }, isForm);
  const faults = fileFaults(config, files);
  if (faults.length > 0) throw invalidInput(faults);
  const json = { ...read, method, path, body: read.body ?? null, caller };
  return { json, files };
}

async function bodyOf({ config, headers, rawBody }: RouteRequest): Promise<Body> {
  if (rawBody.length === 0) return { body: undefined, files: [], isForm: false };
  const given = headers['content-type'];
  const type = (Array.isArray(given) ? given[0] : given) ?? '';
  const mime = type.split(';')[0]?.trim().toLowerCase() ?? '';
  const kind = kindOf(mime);
  const used: Kind | undefined = config.accepts.includes(kind) ? kind : config.accepts.find((one) => one === 'bytes');
  if (used === undefined) {
    throw new SluiceError('route.media_unsupported', `A body of the type ${mime || 'unknown'} is not taken here.`, {
      details: { accepts: config.accepts },
      advice: `Send ${config.accepts.join(' or ')}, and say so in the Content-Type.`,
    });
  }
  if (used !== 'multipart' && rawBody.length > config.maxBytes) throw tooLarge(config.maxBytes);
  if (used === 'json') return { body: jsonOf(rawBody), files: [], isForm: false };
  if (used === 'form') return { body: pairs(textOf(rawBody, type)), files: [], isForm: true };
  if (used === 'text') return { body: textOf(rawBody, type), files: [], isForm: false };
  if (used === 'bytes') {
    const bytes = Buffer.from(rawBody);
    const file = { name: 'body', bytes, mime: mime || 'application/octet-stream', fileName: 'body' };
    return { body: null, files: [file], isForm: false };
  }
  const taken = new Map(config.files.map((file) => [file.name, file]));
  const { fields, files } = await readMultipart(rawBody, type, { maxBytes: config.maxBytes, files: taken });
  return { body: fields, files, isForm: true };
}

function kindOf(mime: string): Kind {
  if (mime === 'application/json' || mime.endsWith('+json') || mime === 'text/json') return 'json';
  if (mime === 'application/x-www-form-urlencoded') return 'form';
  if (mime === 'multipart/form-data') return 'multipart';
  return mime.startsWith('text/') || mime === 'application/xml' || mime.endsWith('+xml') ? 'text' : 'bytes';
}

function fileFaults({ files }: RouteConfig, sent: readonly SentFile[]): InputFault[] {
  return files.flatMap(({ name, required, types }): InputFault[] => {
    const file = sent.find((one) => one.name === name);
    const field = `files.${name}`;
    if (!file) return required ? [{ field, rule: 'required', message: 'is missing' }] : [];
    if (!types || types.some((type) => isOfType(file.mime, type.toLowerCase()))) return [];
    return [{ field, rule: 'type', message: `is of the type ${file.mime}, not ${types.join(' or ')}` }];
  });
}

/** Whether a type is one that is asked for: itself, or `image/*`. */
export function isOfType(mime: string, type: string): boolean {
  return type.endsWith('/*') ? mime.startsWith(type.slice(0, -1)) : mime === type;
}

function tooLarge(maxBytes: number): SluiceError {
  return new SluiceError('hook.body_too_large', `The body is larger than the ${maxBytes} bytes this route takes.`, {
    details: { maxBytes },
    advice: 'Send less, or raise maxBytes of the trigger and publish again.',
  });
}
