import type { IncomingMessage } from 'node:http';
import { SluiceError } from '#shared/error.ts';
import { isJsonObject, type Json, type JsonObject } from '#shared/json.ts';
import { hasEnded } from '#shared/run/projectEvents.ts';
import { hookItem } from '../connectors/trigger/hookItem.ts';
import { type Page, pageHeaders, pageText } from '../connectors/trigger/page.ts';
import { readBody } from '../connectors/trigger/readBody.ts';
import type { Reply } from './httpServer.ts';
import type { LocalControl } from './localControl.ts';
import { openWaits } from './localResume.ts';
import type { createResumeAddress } from './resumeAddress.ts';
import { answeredPage, askPage, fieldsOf, nothingPage, placeOf, type Wait } from './resumePages.ts';

export type ResumeAnswersDeps = { control: LocalControl; address: ReturnType<typeof createResumeAddress> };

type At = { runId: string; token: string };

const MOST_BYTES = 1_048_576;
/** What proves who somebody is stays out of journals. */
const SECRET_HEADERS = ['authorization', 'cookie', 'proxy-authorization', 'x-api-key', 'x-auth-token'];
const METHODS = ['GET', 'HEAD', 'POST'];

/**
 * Answers at `/resume/<runId>/<token>`, the address of a run that waits (`$run.resumeUrl`). Only POST ends a wait: a link in
 * a letter is opened by machines that look for harm, so GET shows a page that asks. A wrong address answers as one of a run
 * that is gone. Whoever has the address may answer.
 */
export function createResumeAnswers({ control, address }: ResumeAnswersDeps) {
  function waitsOf(runId: string): Wait[] {
    const known = control.get(runId);
    if (!known) throw nothing();
    if (hasEnded(known.run.status)) return [];
    return openWaits(known.events).filter(({ reason }) => reason === 'approval' || reason === 'webhook_reply');
  }

  /** Ends the wait that a page showed. */
  function answerPage({ runId, token }: At, wait: Wait, typed: JsonObject, reply: Json): Reply {
    if (wait.reason === 'webhook_reply') {
      control.resumeByToken(runId, token, reply);
      return sendPage(answeredPage);
    }
    const { input, problem } = decisionOf(wait, typed);
    if (problem !== undefined) return sendPage(askPage(wait, { typed, problem }), 422);
    try {
      decide(runId, wait, input);
    } catch (thrown) {
      if (thrown instanceof SluiceError && thrown.code === 'run.not_waiting') return sendPage(nothingPage, 409);
      throw thrown;
    }
    return sendPage(answeredPage);
  }

  function decide(runId: string, { stepId, iteration, path }: Wait, input: Json): void {
    control.resume({ runId, stepId, iteration, ...(path ? { path } : {}), by: 'link', input });
  }

  function answer(request: IncomingMessage, at: At, query: string, rawBody: Buffer): Reply {
    const { runId, token } = at;
    const reply = replyOf(request, query, rawBody);
    const { body } = reply;
    const isPage = (request.headers.accept ?? '').includes('text/html');
    const waits = waitsOf(runId);
    if (isJsonObject(body) && typeof body.wait === 'string') {
      const wait = waits.find((one) => placeOf(one) === body.wait);
      return wait ? answerPage(at, wait, body, reply) : sendPage(nothingPage, 409);
    }
    const approval = waits.find(({ reason }) => reason === 'approval');
    const isDecision = isJsonObject(body) && typeof body.approved === 'boolean';
    if (isDecision && approval && !waits.some(({ reason }) => reason === 'webhook_reply'))
      decide(runId, approval, body);
    else control.resumeByToken(runId, token, reply);
    return isPage ? sendPage(answeredPage) : { status: 202, body: { runId } };
  }

  return async (request: IncomingMessage, { path, query }: { path: string; query: string }): Promise<Reply> => {
    const { method = 'GET' } = request;
    const [runId = '', token = '', ...more] = path.split('/');
    if (more.length > 0 || !address.isOf(runId, token)) throw nothing();
    if (method === 'POST') return answer(request, { runId, token }, query, await readBody(request, MOST_BYTES));
    if (!METHODS.includes(method)) {
      throw new SluiceError('hook.method_not_allowed', `The address of a run takes POST, not ${method}.`, {
        details: { methods: METHODS },
        advice: 'Send the answer by POST.',
      });
    }
    const [wait] = waitsOf(runId);
    return sendPage(wait ? askPage(wait) : nothingPage);
  };
}

const nothing = () => new SluiceError('run.not_found', 'There is no run that waits at this address.');

function sendPage(page: Page, status = 200): Reply {
  return { status, headers: pageHeaders(), body: pageText(page) };
}

/** @throws SluiceError hook.body_invalid */
function replyOf({ method = 'POST', headers }: IncomingMessage, query: string, rawBody: Buffer): JsonObject {
  const { json, binary } = hookItem({ method, path: '', query, headers, rawBody, hide: SECRET_HEADERS });
  if (binary) {
    throw new SluiceError('hook.body_invalid', `A reply of the type ${binary.mime} is not taken.`, {
      advice: 'Send JSON, a form or text.',
    });
  }
  return { method, query: json.query ?? {}, headers: json.headers ?? {}, body: json.body ?? null };
}

/** What a page's form says of an approval. A rejection needs nothing filled in. */
function decisionOf(wait: Wait, typed: JsonObject): { input: JsonObject; problem?: string } {
  const approved = typed.answer === 'approve';
  const comment = typeof typed.comment === 'string' ? typed.comment.trim().slice(0, 10_000) : '';
  const fields: JsonObject = {};
  const faults: string[] = [];
  for (const { name, title = name, type, required } of fieldsOf(wait)) {
    const given = typed[`field.${name}`];
    const text = typeof given === 'string' ? given.trim() : '';
    if (type === 'boolean') fields[name] = text === 'yes';
    else if (text === '') {
      if (required && approved) faults.push(`${title} is needed.`);
    } else if (type === 'number') {
      if (Number.isFinite(Number(text))) fields[name] = Number(text);
      else if (approved) faults.push(`${title} must be a number.`);
    } else fields[name] = text;
  }
  if (typed.answer !== 'approve' && typed.answer !== 'reject') faults.push('Choose whether to approve or to reject.');
  const input = { approved, ...(comment ? { comment } : {}), ...(Object.keys(fields).length > 0 ? { fields } : {}) };
  return faults.length > 0 ? { input, problem: faults.join(' ') } : { input };
}
