import { request } from 'node:http';
import { isErrorCode } from '#shared/error.ts';
import type { Json, JsonObject } from '#shared/json.ts';
import type { Route } from '../../cloud/server/routes.ts';
import type { TestCloud } from '../fixtures/cloud.ts';
import type { Dice } from '../fuzz/dice.ts';
import { mutateJson } from '../fuzz/mutate.ts';
import { addressOf, exampleOf } from './examples.ts';
import { type Asker, rowsOf, type World } from './world.ts';

/** Texts that have broken servers before: quotes of every language, bidirectional marks, halves of letters, paths, numbers. */
const TEXTS: readonly string[] = [
  ...[
    '',
    ' ',
    '\0',
    '\n',
    '\r\nX-Evil: 1',
    '\u202e',
    '\ud800',
    '\udfff',
    '\ufeff',
    '💥',
    'ﬃ',
    '𝓔',
    'İ',
    'ß',
    'ǅ',
    '\u0301',
  ],
  ...[
    "'",
    '"',
    '`',
    '\\',
    "' or 1=1 --",
    '"; drop table run; --',
    '$$',
    '$1',
    '{{1}}',
    '%s',
    '%00',
    '%zz',
    '<script>',
    '&lt;',
  ],
  ...[
    '../../etc/passwd',
    '..%2f',
    '/',
    '//',
    '.',
    '..',
    'file:///etc/passwd',
    'http://169.254.169.254/',
    'javascript:1',
  ],
  ...[
    '__proto__',
    'constructor',
    'toString',
    'prototype',
    'null',
    'undefined',
    'NaN',
    'true',
    '0',
    '-1',
    '1e999',
    '0x10',
  ],
  ...['9007199254740993', '99999999999999999999', '2147483648', '1.5', '00000000-0000-0000-0000-000000000000'],
  ...['{}', '[]', '[object Object]', 'a'.repeat(5_000), 'é'.repeat(2_000), '٣', '한국어', 'ไทย', '¡'],
];
const VALUES: readonly Json[] = [
  ...TEXTS,
  ...[null, true, false, 0, -1, 1, 1.5, 2 ** 31, 2 ** 53, -(2 ** 53), 1e308, [], {}, [[]], [null]],
  ...[{ __proto__: 1 } as unknown as Json, { $ref: '#' }, { constructor: { prototype: {} } }, Array(300).fill(1)],
];
const NAMES = [
  '__proto__',
  'constructor',
  'id',
  'workspaceId',
  'workspace_id',
  'userId',
  'role',
  'limit',
  'cursor',
  '',
  'a',
];
const KINDS = [
  'application/json',
  'application/json; charset=utf-16',
  'text/plain',
  'multipart/form-data',
  '',
  '*/*',
  'x',
];
const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'];

export type Shot = {
  route: string;
  method: string;
  path: string;
  headers: Record<string, string>;
  body: string | undefined;
};

/** A request for a route: now and then good, mostly wrong somewhere. Everything about it comes from the dice. */
export function shotAt(route: Route, { ids }: Pick<World, 'ids'>, asker: Asker, dice: Dice): Shot {
  const example = exampleOf(route, ids);
  const params = { ...example.params };
  const query: Record<string, string> = { ...example.query };
  const headers: Record<string, string> = { ...asker.headers };
  for (const name of Object.keys(params)) if (dice.chance(0.15)) params[name] = dice.oneOf(TEXTS);
  for (const name of Object.keys(query)) if (dice.chance(0.3)) query[name] = dice.oneOf(TEXTS);
  if (dice.chance(0.15)) query[dice.oneOf(NAMES)] = dice.oneOf(TEXTS);
  if (dice.chance(0.1)) headers['idempotency-key'] = header(dice.oneOf(TEXTS));
  if (dice.chance(0.1))
    headers['if-match'] = dice.oneOf(['"1"', '"99999999999"', '*', 'W/"1"', '""', header(dice.oneOf(TEXTS))]);
  if (dice.chance(0.05)) headers['sluice-workspace'] = header(dice.oneOf(TEXTS));
  if (dice.chance(0.05)) headers.accept = dice.oneOf(KINDS);
  if (dice.chance(0.03))
    headers.authorization = dice.oneOf(['Bearer', 'Bearer  ', 'Basic YTpi', 'Bearer slk_live_x_y', 'bearer a b']);
  if (dice.chance(0.05)) headers['x-forwarded-for'] = header(dice.oneOf(TEXTS));
  if (dice.chance(0.05)) headers.range = 'bytes=0-1';
  const method = dice.chance(0.05) ? dice.oneOf(METHODS) : route.method;
  let body = bodyOf(example.body ?? null, dice);
  if (method === 'GET' || method === 'HEAD' || method === 'OPTIONS' || (method === 'DELETE' && !dice.chance(0.1))) {
    body = undefined;
  }
  if (body !== undefined) headers['content-type'] = dice.chance(0.06) ? dice.oneOf(KINDS) : 'application/json';
  const path = addressOf({ ...example, params: wellFormed(params), query: wellFormed(query) });
  return { route: route.name, method, path: dice.chance(0.02) ? `${path}%` : path, headers, body };
}

function bodyOf(good: Json, dice: Dice): string | undefined {
  if (dice.chance(0.2)) return text(good);
  if (dice.chance(0.06))
    return dice.oneOf(['', '{', '[', '"', '{"a":}', 'null', '1', '[{}]', '\ufeff{}', `${'['.repeat(400)}`, '{"a":1}}']);
  if (dice.chance(0.02)) return text({ ...(good as JsonObject), name: 'x'.repeat(1_200_000) });
  let value: Json = good ?? {};
  for (let n = 0; n <= dice.pick(3); n++) value = mutateJson(dice, value, NAMES, VALUES);
  return text(value);
}

/** JSON as a client would send it; a name of `__proto__` goes along. */
const text = (value: Json) => JSON.stringify(value) ?? 'null';
/** What a header may hold at all; others never leave a client. */
const header = (value: string) => value.replace(/[^\x20-\x7e\x80-\xff]/g, '?').slice(0, 2_000);
const wellFormed = (values: Record<string, string>) =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name.toWellFormed(), value.toWellFormed()]));

export type Answered = { status: number; headers: Record<string, string | string[] | undefined>; text: string };

/** Sends it as it is: `fetch` would mend some of it. */
export function shoot(base: string, shot: Shot): Promise<Answered> {
  const { hostname, port } = new URL(base);
  // Node says no length for a DELETE: what follows would be another request, and its answer taken for this one's.
  const length = shot.body === undefined ? {} : { 'content-length': Buffer.byteLength(shot.body) };
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        hostname,
        port,
        method: shot.method,
        path: shot.path,
        headers: { ...shot.headers, ...length },
        timeout: 60_000,
      },
      (response) => {
        let said = '';
        response.setEncoding('utf8');
        response.on('data', (part) => {
          said += part;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text: said }));
        response.on('error', reject);
      },
    );
    sent.on('timeout', () => sent.destroy(new Error(`No answer within a minute: ${shot.method} ${shot.path}`)));
    sent.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code?.startsWith('HPE_')) error.message += `: ${shot.method} ${shot.path.slice(0, 300)}`;
      // A refusal that comes before the body is read may cut the sending of it.
      if (error.code === 'EPIPE' || error.code === 'ECONNRESET') resolve({ status: 0, headers: {}, text: '' });
      else reject(error);
    });
    sent.end(shot.body);
  });
}

/** What no answer may show of the inside. */
const INSIDE =
  /node_modules|\bat [\w.<>]+ \(|prisma|violates |pg_|syntax error at|ECONNREFUSED|\/cloud\/|TypeError|undefined is not/i;
/** Where somebody has to set something up before this works at all. */
const NOT_SET_UP = new Set(['payment.unavailable']);

/** @returns what is wrong with an answer, if something is */
export function faultOf(shot: Shot, { status, headers, text: said }: Answered): string | undefined {
  const at = `${shot.method} ${shot.path.slice(0, 200)} ${shot.body?.slice(0, 300) ?? ''} -> ${status} ${said.slice(0, 300)}`;
  if (status === 0 || status === 304) return undefined;
  const type = String(headers['content-type'] ?? '');
  if (status < 400) return undefined;
  if (INSIDE.test(said)) return `shows the inside: ${at}`;
  if (type.startsWith('text/html') || shot.method === 'HEAD') return status >= 500 ? `broke: ${at}` : undefined;
  if (!type.startsWith('application/problem+json')) return `is no problem: ${at}`;
  const { code, requestId } = JSON.parse(said) as { code: string; requestId?: string };
  if (status >= 500 && !NOT_SET_UP.has(code)) return `broke: ${at}`;
  if (!isErrorCode(code) || typeof requestId !== 'string') return `names no code or request: ${at}`;
  return undefined;
}

export type ScanResult = { sent: number; refused: number; statuses: Record<number, number>; faults: string[] };

export type ScanOptions = {
  cloud: TestCloud;
  routes: readonly Route[];
  world: World;
  askers: readonly Asker[];
  dice: Dice;
  count: number;
  atOnce: number;
};

/** Sends so many requests to all routes in turn. */
export async function scan({ cloud, routes, world, askers, dice, count, atOnce }: ScanOptions): Promise<ScanResult> {
  const result: ScanResult = { sent: 0, refused: 0, statuses: {}, faults: [] };
  // Wherever the dice begin, so that a few requests still reach every route in time.
  let next = dice.pick(routes.length);
  const last = next + count;
  const worker = async () => {
    while (next < last) {
      const route = routes[next++ % routes.length] as Route;
      const shot = shotAt(route, world, dice.oneOf(askers), dice);
      const answered = await shoot(cloud.url, shot);
      note(result, shot, answered);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return result;
}

/** One at a time, looking after each refusal whether it left something behind. */
export async function scanForEffects(options: Omit<ScanOptions, 'atOnce'>): Promise<ScanResult> {
  const { cloud, routes, world, askers, dice, count } = options;
  const result: ScanResult = { sent: 0, refused: 0, statuses: {}, faults: [] };
  let before = await rowsOf(cloud, world.workspaceId);
  const first = dice.pick(routes.length);
  for (let n = first; n < first + count; n++) {
    const shot = shotAt(routes[n % routes.length] as Route, world, dice.oneOf(askers), dice);
    const answered = await shoot(cloud.url, shot);
    note(result, shot, answered);
    const after = await rowsOf(cloud, world.workspaceId);
    if (answered.status >= 400 && differing(before, after).length > 0) {
      const left = await leftEachTime(cloud, world, shot);
      const at = `${shot.method} ${shot.path} ${shot.body} ${answered.text}`;
      if (left.length > 0) result.faults.push(`was refused and left something in ${left.join(', ')}: ${at}`);
    }
    before = after;
  }
  return result;
}

const differing = (before: Record<string, string>, after: Record<string, string>) =>
  Object.keys(after).filter((table) => before[table] !== after[table]);

/** The server works beside us: a run that an earlier request started goes on. What a refusal leaves, it leaves each time. */
async function leftEachTime(cloud: TestCloud, world: World, shot: Shot): Promise<string[]> {
  let left: string[] = [];
  for (let turn = 0; turn < 4; turn++) {
    const before = await rowsOf(cloud, world.workspaceId);
    const { status } = await shoot(cloud.url, shot);
    const found = differing(before, await rowsOf(cloud, world.workspaceId));
    if (found.length === 0 || status < 400) return [];
    left = found;
  }
  return left;
}

function note(result: ScanResult, shot: Shot, answered: Answered): void {
  result.sent++;
  if (answered.status >= 400) result.refused++;
  result.statuses[answered.status] = (result.statuses[answered.status] ?? 0) + 1;
  const fault = faultOf(shot, answered);
  if (fault !== undefined && result.faults.length < 20) result.faults.push(fault);
}

/** Routes whose good request ends what the scan itself needs, or asks somebody outside. */
export function canBeScanned({ name, path }: Route): boolean {
  if (path.startsWith('/agent/')) return false;
  return !/^(sessions\.revoke|auth\.signOut|workspaces\.(delete|transfer|leave)|privacy\.)/.test(name);
}

/** `3 × 404` and so on. */
export function toldScan({ sent, refused, statuses, faults }: ScanResult): string {
  const each = Object.entries(statuses).map(([status, n]) => `${n} × ${status}`);
  return `${sent} requests, ${refused} refused (${each.join(', ')}), ${faults.length} faults`;
}
