import type { HttpRequest } from '#runtime/connectors/stepType.ts';
import type { Json, JsonObject } from '#shared/json.ts';

const SECRET_HEADERS = /^(authorization|proxy-authorization|cookie|set-cookie|x-api-key|api-key|x-auth-token)$/i;

/**
 * A request as journal and log may keep it: every secret reads `secret://<name>`, in whatever usual encoding it stands,
 * and headers that carry one by their nature say only that.
 *
 * @param secrets by name, as in `tracker#token`; those shorter than 4 characters are passed over, they would hit anything
 */
export function redactRequest(request: HttpRequest, secrets: Record<string, string>): JsonObject {
  const shown = redactSecrets({ ...request } as unknown as JsonObject, secrets) as JsonObject;
  if (shown.headers && typeof shown.headers === 'object') {
    const headers = shown.headers as JsonObject;
    for (const name of Object.keys(headers)) if (SECRET_HEADERS.test(name)) headers[name] = '[secret]';
  }
  return shown;
}

/** A copy of a value in which no text and no key holds one of the secrets. */
export function redactSecrets(value: Json, secrets: Record<string, string>): Json {
  const pairs = Object.entries(secrets)
    .filter(([, secret]) => secret.length >= 4)
    .flatMap(([name, secret]) => formsOf(secret).map((form) => [form, `secret://${name}`] as const))
    // A secret that holds another is replaced whole.
    .sort(([a], [b]) => b.length - a.length);
  const clean = (text: string) => pairs.reduce((left, [form, name]) => left.replaceAll(form, name), text);
  const walk = (one: Json): Json => {
    if (typeof one === 'string') return clean(one);
    if (Array.isArray(one)) return one.map(walk);
    if (one === null || typeof one !== 'object') return one;
    return Object.fromEntries(
      Object.entries(one)
        .filter(([, v]) => v !== undefined)
        .map(([key, v]) => [clean(key), walk(v)]),
    );
  };
  return walk(value);
}

function formsOf(secret: string): string[] {
  const base64 = Buffer.from(secret).toString('base64');
  const json = JSON.stringify(secret).slice(1, -1);
  const hex = Buffer.from(secret).toString('hex');
  return [
    ...new Set([
      secret,
      encodeURIComponent(secret),
      json,
      base64,
      base64.replace(/=+$/, ''),
      Buffer.from(secret).toString('base64url'),
      hex,
    ]),
  ];
}
