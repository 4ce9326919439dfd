import { SluiceError } from '#shared/error.ts';
import type { JsonObject } from '#shared/json.ts';
import { toTime } from '#shared/time.ts';
import type { FormConfig } from './formConfig.ts';
import { formPage, type Shown, TOKEN_FIELD, thanksPage } from './formPage.ts';
import { checkToken, cookieOf, issueToken } from './formToken.ts';
import { type FormValues, readForm } from './formValues.ts';
import { pairs, textOf } from './hookItem.ts';
import { readMultipart, type SentFile } from './multipart.ts';
import { pageHeaders, pageText } from './page.ts';
import type { HookHeaders } from './verifyHook.ts';

export type FormRequest = {
  config: FormConfig;
  /** What tokens are made with; the same for every process that answers for the form. */
  key: Uint8Array;
  /** One text for this form among all. */
  place: string;
  /** The form's own path, as browsers see it. */
  path: string;
  isSecure: boolean;
  /** Where the forms of the project lie: what `/forms` means in `redirectTo`. */
  base: string;
  /** Whose form it is, where the server has forms of many. */
  owner?: string;
  headers: HookHeaders;
  nowMs: number;
};
export type FormReply = { status: number; headers: Record<string, string>; body?: string };
/** What is to become a run; the same `id` again is the same thing sent twice. */
export type Submission = { id: string; json: JsonObject; files: SentFile[] };

/** Texts of all fields together, with what is around them. */
const TEXT_BYTES = 1_048_576;
const LATE = 'It was not sent from this page, or too late. Please send it again.';

/** The most bytes that what a form sends may have. */
export function mostFormBytes({ fields }: FormConfig): number {
  return fields.reduce((sum, { type, maxBytes }) => sum + (type === 'file' ? maxBytes : 0), TEXT_BYTES);
}

/** The page of a form, empty. */
export function showForm(request: FormRequest): FormReply {
  return page(request, 200, {});
}

/** The page again, where what was sent could not be read at all. */
export function refuseForm(request: FormRequest, error: SluiceError): FormReply {
  return page(request, error.status, { problem: error.message });
}

/**
 * Takes what a form sent: checks that it comes from our page, then each field; where something is wrong the page is shown
 * again with what was typed. `accept` makes the run.
 */
export async function takeForm(
  request: FormRequest,
  rawBody: Uint8Array,
  accept: (submission: Submission) => Promise<unknown>,
): Promise<FormReply> {
  const { config, nowMs } = request;
  let sent: { fields: JsonObject; files: SentFile[] };
  try {
    sent = await readSent(request, rawBody);
  } catch (thrown) {
    if (thrown instanceof SluiceError) return refuseForm(request, thrown);
    throw thrown;
  }
  const { values, typed, faults }: FormValues = readForm(config, sent.fields, sent.files);
  const token = sent.fields[TOKEN_FIELD];
  const id = typeof token === 'string' ? checkToken(token, request) : undefined;
  if (id === undefined) return page(request, 403, { typed, faults, problem: LATE });
  if (faults.length > 0) return page(request, 422, { typed, faults });
  const known = new Set(config.fields.map(({ name }) => name));
  try {
    const files = sent.files.filter(({ name }) => known.has(name));
    await accept({ id, json: { ...values, submittedAt: toTime(nowMs) }, files });
  } catch (thrown) {
    if (!(thrown instanceof SluiceError) || thrown.code === 'internal') throw thrown;
    return page(request, thrown.status, { typed, problem: REFUSALS[thrown.code] ?? thrown.message });
  }
  const { redirectTo } = config;
  if (redirectTo === undefined) return { status: 200, headers: pageHeaders(), body: pageText(thanksPage(config)) };
  const location = redirectTo.replace(/^\/forms(?=\/)/, request.base);
  return { status: 303, headers: { location, 'cache-control': 'no-store' } };
}

/** Why a workflow takes nothing now, for people who know nothing of workflows. */
const REFUSALS: Record<string, string> = {
  'run.rate_exceeded': 'Too much was sent in a short time. Please send it again later.',
  'run.singleton': 'Something that was sent before is still at work. Please send it again later.',
  'queue.full': 'There is too much to do just now. Please send it again later.',
  allowance_exceeded: 'Nothing more can be taken at the moment. Please send it again later.',
};

async function readSent({ config, headers }: FormRequest, rawBody: Uint8Array) {
  const given = headers['content-type'];
  const type = (Array.isArray(given) ? given[0] : given) ?? '';
  if (!/^multipart\/form-data\b/i.test(type)) return { fields: pairs(textOf(rawBody, type)), files: [] };
  // How large each may be is the field's to say, with a word at the field.
  const maxBytes = mostFormBytes(config);
  const files = new Map(config.fields.flatMap(({ name, type }) => (type === 'file' ? [[name, { maxBytes }]] : [])));
  return await readMultipart(rawBody, type, { maxBytes: TEXT_BYTES, files });
}

function page(request: FormRequest, status: number, shown: Omit<Shown, 'token'>): FormReply {
  const { config, path, isSecure, owner } = request;
  const { token, browser } = issueToken(request);
  const headers = {
    ...pageHeaders(originOf(config.redirectTo)),
    'set-cookie': cookieOf(browser, path, isSecure),
  };
  return {
    status,
    headers,
    body: pageText(formPage(config, { ...shown, token, ...(owner === undefined ? {} : { owner }) })),
  };
}

function originOf(address: string | undefined): string | undefined {
  return address === undefined || address.startsWith('/') ? undefined : new URL(address).origin;
}
