import { SluiceError } from '#shared/error.ts';

/** Nothing was sent: no address, nobody listening, or no trust in who does. */
const NOT_SENT =
  /^(ENOTFOUND|EAI_.*|ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|ENETDOWN|EADDRNOTAVAIL|UND_ERR_CONNECT_TIMEOUT|EPROTO|ERR_SSL_.*|ERR_TLS_.*|CERT_.*|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_.*)$/;

type Cause = { code?: unknown; syscall?: unknown; message?: unknown; errors?: unknown; cause?: unknown };

/**
 * What a failed `fetch` means. `connector.unavailable` only where the request surely was not sent; whatever may have
 * reached the other side is `connector.unclear`.
 *
 * @param where the address without its query, for the message
 */
export function failureOf(thrown: unknown, where: string): SluiceError {
  if (thrown instanceof SluiceError) return thrown;
  for (const { code, syscall, message } of causesOf(thrown)) {
    const text = typeof message === 'string' ? message : '';
    const refused = /Proxy response \((\d+)\)/.exec(text);
    if (refused) {
      if (refused[1] === '403') {
        return new SluiceError('egress.refused', `A request to ${where} is not allowed from here.`, {
          cause: thrown,
          advice: 'Private and local addresses cannot be reached from the cloud.',
        });
      }
      return unavailable(where, `proxy answered ${refused[1]}`, thrown);
    }
    if (text.includes('before secure TLS connection was established'))
      return unavailable(where, 'the secure connection was cut', thrown);
    if (typeof code !== 'string') continue;
    if (NOT_SENT.test(code) || (code === 'ETIMEDOUT' && syscall === 'connect')) return unavailable(where, code, thrown);
    if (code.startsWith('UND_ERR_INVALID')) return invalid(where, text, thrown);
    return new SluiceError(
      'connector.unclear',
      `The connection to ${where} broke after the request may have been sent (${code}).`,
      {
        cause: thrown,
        details: { reason: code },
      },
    );
  }
  return new SluiceError('connector.unclear', `The request to ${where} failed, and whether it arrived is not known.`, {
    cause: thrown,
  });
}

function unavailable(where: string, reason: string, cause: unknown): SluiceError {
  return new SluiceError('connector.unavailable', `${where} cannot be reached (${reason}).`, {
    cause,
    details: { reason },
    advice: 'Look whether the address is right and the service is up.',
  });
}

function invalid(where: string, message: string, cause: unknown): SluiceError {
  return new SluiceError('config.invalid', `The request to ${where} cannot be sent: ${message}`, { cause });
}

/** An error, what caused it, and where several addresses were tried, each of those, innermost last. */
function* causesOf(thrown: unknown, depth = 0): Generator<Cause> {
  if (typeof thrown !== 'object' || thrown === null || depth > 5) return;
  const cause = thrown as Cause;
  if (cause.cause !== undefined) yield* causesOf(cause.cause, depth + 1);
  if (Array.isArray(cause.errors)) for (const each of cause.errors) yield* causesOf(each, depth + 1);
  yield cause;
}
