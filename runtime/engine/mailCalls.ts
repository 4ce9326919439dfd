import { SluiceError } from '#shared/error.ts';
import { isJsonObject, type Json } from '#shared/json.ts';
import type { StepMail } from '../connectors/stepType.ts';
import { boundConnection } from './boundConnection.ts';
import type { CallSite } from './call.ts';
import { redactSecrets } from './ports/redact.ts';

/** Looked at before the files are read. */
const MOST_ATTACHED = 20 * 1024 * 1024;

/** How a step sends mail. Files of items are read when they are sent; the journal holds their names. */
export function mailOf(site: CallSite): StepMail {
  const { execution, job, attempt } = site;
  const { stepId } = job.run;
  const { step } = job.planned;
  return {
    async send({ files, ...message }) {
      const { mail, blobs } = execution.ports;
      if (!mail) {
        throw new SluiceError('host.not_supported', 'Mail cannot be sent from here.', {
          advice: 'Run the workflow on the desktop, with sluice serve, or hosted.',
        });
      }
      const { connection: name } = step;
      const shown = redactSecrets(
        { ...message, files, connection: name ?? null } as unknown as Json,
        execution.secrets,
      );
      const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
      if (bytes > MOST_ATTACHED) {
        throw new SluiceError('limit.exceeded', `The files have ${bytes} bytes; a message takes ${MOST_ATTACHED}.`, {
          advice: 'Send several messages, or put a link to the files into the text.',
          details: { bytes, limit: MOST_ATTACHED, stepId },
        });
      }
      const send = async (effectKey: string): Promise<Json> => {
        const connection = name === undefined ? undefined : boundConnection(execution, name, stepId);
        const read = await Promise.all(
          files.map(async (file) => ({
            name: file.name ?? 'file',
            mime: file.mime,
            bytes: await blobs.get(file.blob),
          })),
        );
        return mail.send({ ...message, files: read }, { stepId, connection, effectKey, signal: attempt.signal });
      };
      const given = await site.perform<Json>('mail', shown, 'unsafe', send);
      const listOf = (value: Json | undefined) => (Array.isArray(value) ? value.map(String) : []);
      if (!isJsonObject(given)) return { messageId: '', accepted: [], rejected: [] };
      const { messageId, accepted, rejected } = given;
      return { messageId: String(messageId ?? ''), accepted: listOf(accepted), rejected: listOf(rejected) };
    },
  };
}
