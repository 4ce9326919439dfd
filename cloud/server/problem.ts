import type { ErrorRequestHandler, Response } from 'express';
import { SluiceError } from '#shared/error.ts';
import type { Logger } from '#shared/log.ts';
import { rateHeaders } from './rateLimits.ts';
import { isUnstorable, unstorable } from './wholeText.ts';

/** Answers with a problem document (formats.md 13). A bug shows nothing of itself: its cause is in the log. */
export function sendProblem(res: Response, thrown: unknown, requestId: string, logger: Logger): void {
  const error = asSluiceError(thrown);
  const wire = error.toWire();
  const bug = error.code === 'internal' || error.code === 'store.failed';
  if (bug) {
    const cause = error.cause ?? error;
    logger.error('A request failed because of a bug.', {
      requestId,
      error: cause instanceof Error ? (cause.stack ?? cause.message) : String(cause),
    });
  }
  if (res.headersSent) {
    res.destroy();
    return;
  }
  const wait = error.details?.retryAfterSeconds;
  if (typeof wait === 'number') res.setHeader('Retry-After', String(Math.max(1, Math.ceil(wait))));
  else if (error.status === 503 || error.status === 429) res.setHeader('Retry-After', '5');
  for (const [name, value] of Object.entries(rateHeadersOf(error))) res.setHeader(name, value);
  const challenge = error.details?.challenge;
  if (error.status === 401) res.setHeader('WWW-Authenticate', typeof challenge === 'string' ? challenge : 'Bearer');
  const methods = error.details?.methods;
  if (error.status === 405 && Array.isArray(methods)) res.setHeader('Allow', methods.join(', '));
  res.setHeader('Cache-Control', 'no-store');
  res
    .status(error.status)
    .type('application/problem+json')
    .send(
      JSON.stringify({
        type: `urn:sluice:${wire.code}`,
        title: bug ? 'Something went wrong on our side.' : wire.message,
        status: error.status,
        code: wire.code,
        ...(wire.detail === undefined ? {} : { detail: wire.detail }),
        requestId,
        ...(bug || wire.details === undefined ? {} : { details: wire.details }),
      }),
    );
}

/** The last handler of an app: whatever a route throws becomes a problem. */
export function problemHandler(logger: Logger): ErrorRequestHandler {
  return (thrown, _req, res, _next) => sendProblem(res, thrown, requestIdOf(res), logger);
}

export function requestIdOf(res: Response): string {
  return String(res.locals.requestId);
}

export function unsupportedMedia(): SluiceError {
  return new SluiceError('request.media_unsupported', 'The body is not of a kind that this call reads.', {
    advice: 'Send JSON in UTF-8, with the header Content-Type: application/json.',
  });
}

/** Where a limit was the reason, the headers that say so. */
function rateHeadersOf({ code, details }: SluiceError): Record<string, string> {
  if (code !== 'rate.exceeded') return {};
  const { policy, limit, windowSeconds, retryAfterSeconds } = details ?? {};
  if (typeof policy !== 'string' || typeof limit !== 'number' || typeof windowSeconds !== 'number') return {};
  const resetSeconds = typeof retryAfterSeconds === 'number' ? retryAfterSeconds : windowSeconds;
  return rateHeaders({ policy, limit, windowSeconds, left: 0, resetSeconds });
}

/** Failures of reading a request come from a library, with names of their own. */
function asSluiceError(thrown: unknown): SluiceError {
  const type = typeof thrown === 'object' && thrown !== null && 'type' in thrown ? thrown.type : undefined;
  if (type === 'entity.too.large')
    return new SluiceError('request.too_large', 'The body is larger than this call takes.');
  if (type === 'entity.parse.failed') return new SluiceError('request.invalid', 'The body is not JSON.');
  if (type === 'entity.verify.failed' && thrown instanceof Error)
    return new SluiceError('request.invalid', thrown.message);
  if (type === 'encoding.unsupported' || type === 'charset.unsupported') return unsupportedMedia();
  if (type === 'request.aborted' || type === 'request.size.invalid') {
    return new SluiceError('request.invalid', 'The body could not be read.');
  }
  if (thrown instanceof URIError) return new SluiceError('request.invalid', 'The address is not well formed.');
  if (isUnstorable(thrown)) return unstorable();
  return SluiceError.from(thrown);
}
