import { isJsonObject, type Json, type JsonObject } from '#shared/json.ts';
import type { RunJob } from './runJob.ts';

/** `$run`. */
export function runValues({ runId, versionId, resumeUrl }: RunJob, startedAt: string): JsonObject {
  const values: JsonObject = { id: runId, mode: versionId ? 'hosted' : 'local', startedAt };
  if (resumeUrl !== undefined) values.resumeUrl = resumeUrl;
  return values;
}

/** Every text of the connections' secrets, by `name#field`. */
export function secretsOf(connections: RunJob['connections']): Record<string, string> {
  const secrets: Record<string, string> = {};
  for (const [name, { secret }] of Object.entries(connections)) {
    for (const [field, value] of Object.entries(secret))
      if (typeof value === 'string') secrets[`${name}#${field}`] = value;
  }
  return secrets;
}

/** `$request`. */
export function requestOf(trigger: Json): JsonObject {
  if (!isJsonObject(trigger)) return {};
  const { method, path, params, query, headers, body } = trigger;
  return method === undefined
    ? {}
    : {
        method,
        path: path ?? '',
        params: params ?? {},
        query: query ?? {},
        headers: headers ?? {},
        body: body ?? null,
      };
}
