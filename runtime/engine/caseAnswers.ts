import { isErrorCode, SluiceError } from '#shared/error.ts';
import { isJsonObject, type Json, type JsonObject } from '#shared/json.ts';
import { toTime } from '#shared/time.ts';
import type { Case } from '#shared/workflow/tree.ts';
import type { HttpReply } from '../connectors/stepType.ts';
import { filePath, folderPath } from './ports/filePath.ts';
import type { FilesPort, RunPorts } from './ports/ports.ts';
import { resultsOf } from './sqlCalls.ts';

/**
 * What is outside of a case: each step's effects are answered in order by what the case says, `{ error: { code, message } }`
 * being a failure. Its storage is empty and in memory.
 *
 * - http: `{ status, headers, body }`
 * - sql: `{ rows, changed }`, or `{ results: [...] }` with one for each statement
 * - mail: `{}`, or `{ messageId, accepted, rejected }`
 * - a file that is read, as a whole or in batches: what an earlier step wrote, else `{ text }`, `{ json }` or `{ base64 }`; a folder: `{ files: [...] }`
 */
export function createCaseAnswers(
  saved: Case,
  now: () => number,
): Required<Pick<RunPorts, 'http' | 'sql' | 'mail' | 'files'>> {
  const left = new Map(Object.entries(saved.effects ?? {}).map(([stepId, answers]) => [stepId, [...answers]]));

  /** @throws what the case says went wrong */
  function find(stepId: string): JsonObject | undefined {
    const answer = left.get(stepId)?.shift();
    if (!isJsonObject(answer?.error)) return answer;
    const { code, message } = answer.error;
    const known = typeof code === 'string' && isErrorCode(code) ? code : 'connector.rejected';
    throw new SluiceError(known, String(message ?? 'The case says that it failed.'));
  }

  function next(stepId: string, what: string): JsonObject {
    const answer = find(stepId);
    if (answer) return answer;
    throw new SluiceError('connector.rejected', `The case has no answer for ${what} of step ${stepId}.`, {
      advice: `Add one to effects.${stepId} of the case.`,
    });
  }

  return {
    http: {
      async send(request, { stepId }) {
        const answer = next(stepId, `${request.method} ${request.url}`);
        const reply: HttpReply = {
          status: typeof answer.status === 'number' ? answer.status : 200,
          headers: (isJsonObject(answer.headers) ? answer.headers : {}) as Record<string, string>,
          body: answer.body ?? null,
        };
        if (reply.status < 400) return reply;
        throw new SluiceError(
          reply.status >= 500 ? 'connector.unclear' : 'connector.rejected',
          `${request.url} answered ${reply.status}.`,
          { details: { status: reply.status, body: reply.body } },
        );
      },
    },
    sql: {
      run: async ({ statements }, { stepId }) =>
        resultsOf(next(stepId, `"${statements[0]?.sql.slice(0, 60) ?? ''}"`), statements.length),
      close() {},
    },
    mail: {
      async send({ to, subject }, { stepId, effectKey }) {
        const { messageId, accepted, rejected } = next(stepId, `the message "${subject.slice(0, 60)}"`);
        const textsOf = (value: Json | undefined) => (Array.isArray(value) ? value.map(String) : undefined);
        const recipients = typeof to === 'string' ? to.split(',').map((one) => one.trim()) : to;
        return {
          messageId: typeof messageId === 'string' ? messageId : `<${effectKey}@case>`,
          accepted: textsOf(accepted) ?? recipients,
          rejected: textsOf(rejected) ?? [],
        };
      },
    },
    files: storageOf({ find, next, now }),
  };
}

type Answers = {
  find(stepId: string): JsonObject | undefined;
  next(stepId: string, what: string): JsonObject;
  now(): number;
};

function storageOf({ find, next, now }: Answers): FilesPort {
  const stored = new Map<string, Uint8Array>();
  /** What the case says of a file that is read in pieces: said once. */
  const inPieces = new Map<string, Uint8Array>();
  return {
    async part(path, { offset, length, stepId }) {
      const name = filePath(path);
      const key = `${stepId}/${name}`;
      const whole = stored.get(name) ?? inPieces.get(key) ?? bytesOf(next(stepId, `the file ${path}`));
      if (!stored.has(name)) inPieces.set(key, whole);
      return { bytes: whole.subarray(offset, offset + length), size: whole.length, changedMs: 0 };
    },
    async load(path, { stepId } = { stepId: '' }) {
      const found = stored.get(filePath(path));
      return found ?? bytesOf(next(stepId, `the file ${path}`));
    },
    async save(path, bytes, { how }) {
      const name = filePath(path);
      const before = stored.get(name);
      if (how === 'create' && before) throw new SluiceError('file.exists', `There is a file ${name} already.`);
      const content = how === 'append' && before ? Buffer.concat([before, bytes]) : bytes;
      stored.set(name, content);
      return { path: name, bytes: content.length };
    },
    async list(folder, { stepId } = { stepId: '' }) {
      const said = find(stepId)?.files;
      if (Array.isArray(said)) {
        return said.filter(isJsonObject).map(({ path, bytes, changedAt }) => ({
          path: String(path),
          bytes: Number(bytes ?? 0),
          changedAt: String(changedAt ?? toTime(now())),
        }));
      }
      const within = folderPath(folder);
      return [...stored]
        .filter(([path]) => within === '' || path.startsWith(`${within}/`))
        .map(([path, { length }]) => ({ path, bytes: length, changedAt: toTime(now()) }));
    },
    async remove(path) {
      return { removed: stored.delete(filePath(path)) };
    },
  };
}

function bytesOf({ text, base64, json }: JsonObject): Uint8Array {
  if (typeof base64 === 'string') return Buffer.from(base64, 'base64');
  return new TextEncoder().encode(typeof text === 'string' ? text : JSON.stringify(json ?? null));
}
