import { randomBytes } from 'node:crypto';
import { SluiceError } from '#shared/error.ts';
import type { Json } from '#shared/json.ts';
import type { KeyOperation, StepCrypto } from '../connectors/stepType.ts';
import { boundConnection } from './boundConnection.ts';
import type { CallSite } from './call.ts';
import { keyOperation } from './ports/crypto.ts';

const MOST_RANDOM = 65_536;
/** What is encrypted and decrypted goes through the journal; of what is signed only the hash does. */
const MOST_DATA = 8 * 1024 * 1024;

/** What a step may do with chance and with keys: both are answers from outside, recorded like any other. */
export function cryptoOf(site: CallSite): StepCrypto {
  const { execution, job } = site;
  return {
    async randomBytes(count) {
      if (!Number.isInteger(count) || count < 1 || count > MOST_RANDOM)
        throw tooMuch('random bytes', count, MOST_RANDOM);
      const text = await site.perform('random', { op: 'bytes', count }, 'idempotent', () =>
        randomBytes(count).toString('base64'),
      );
      return Buffer.from(text, 'base64');
    },

    async withKey(operation) {
      const { connection: name } = job.planned.step;
      if (operation.op === 'encrypt' || operation.op === 'decrypt') {
        const { length } = operation.data;
        if (length > MOST_DATA) throw tooMuch(`bytes to ${operation.op}`, length, MOST_DATA);
      }
      const given = await site.perform('crypto', asked(operation, name, site), 'idempotent', () => {
        if (name === undefined) {
          throw new SluiceError('connection.not_bound', `Step ${job.run.stepId} has no connection, so it has no key.`, {
            advice: 'Choose a connection of the kind Keys in the step.',
            details: { stepId: job.run.stepId },
          });
        }
        const { secret } = boundConnection(execution, name, job.run.stepId);
        return Buffer.from(keyOperation(secret, operation)).toString('base64');
      });
      return Buffer.from(given, 'base64');
    },
  };
}

/** What the journal keeps of an operation: neither the key nor what it was used on. */
function asked({ data, ...operation }: KeyOperation, connection: string | undefined, site: CallSite): Json {
  const hash = (bytes: Uint8Array) => site.execution.ports.hashing.sha256(bytes);
  const shown: Json = { op: operation.op, connection: connection ?? null, data: hash(data) };
  if ('algorithm' in operation) shown.algorithm = operation.algorithm;
  if ('signature' in operation) shown.signature = hash(operation.signature);
  return shown;
}

function tooMuch(what: string, count: number, limit: number): SluiceError {
  return new SluiceError('limit.exceeded', `${count} ${what} were asked for; ${limit} are allowed at once.`, {
    advice: 'Ask for less at once.',
    details: { limit },
  });
}
