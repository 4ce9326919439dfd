import { SluiceError } from '#shared/error.ts';
import type { Json } from '#shared/json.ts';
import type { FileRef, StepFiles } from '../connectors/stepType.ts';
import type { CallSite } from './call.ts';
import { mimeOf } from './mimeOf.ts';

/** A step holds a file in memory as a whole. */
const MOST_BYTES = 64 * 1024 * 1024;

/** The files that a step may touch: those of items, and the project's own. Bytes stay out of the journal. */
export function filesOf(site: CallSite): StepFiles {
  const { blobs, files } = site.execution.ports;
  const { stepId } = site.job.run;
  const perform = <T>(cls: 'idempotent' | 'keyed', request: Json, act: (effectKey: string) => Promise<T>) =>
    site.perform('file', request, cls, act as (effectKey: string) => Promise<Json>) as Promise<T>;

  async function read({ blob, bytes, name }: FileRef): Promise<Uint8Array> {
    checkSize(bytes, name ?? 'The file', stepId);
    return blobs.get(blob);
  }

  async function keep(bytes: Uint8Array, about: { mime: string; name?: string }): Promise<FileRef> {
    checkSize(bytes.length, about.name ?? 'The file', stepId);
    return { blob: await blobs.put(bytes), bytes: bytes.length, ...about };
  }

  return {
    read,
    keep,
    load: (path) =>
      perform('idempotent', { op: 'load', path }, async () =>
        keep(await files.load(path, { stepId }), { mime: mimeOf(path), name: path.slice(path.lastIndexOf('/') + 1) }),
      ),
    async part(path, offset, length) {
      // What no batch records would be another thing when the run is repeated.
      if (!site.job.run.loop?.source) throw new TypeError(`Step ${stepId} is no source: it reads files as a whole.`);
      return files.part(path, { offset, length, stepId });
    },
    save: (path, file, how) =>
      perform('keyed', { op: 'save', path, blob: file.blob, bytes: file.bytes, how }, async (effectKey) =>
        files.save(path, await read(file), { how, effectKey }),
      ),
    list: (folder) => perform('idempotent', { op: 'list', folder }, () => files.list(folder, { stepId })),
    remove: (path) => perform('keyed', { op: 'remove', path }, (effectKey) => files.remove(path, { effectKey })),
  };
}

function checkSize(bytes: number, what: string, stepId: string): void {
  if (bytes <= MOST_BYTES) return;
  throw new SluiceError('limit.exceeded', `Step ${stepId}: ${what} has ${bytes} bytes; ${MOST_BYTES} are allowed.`, {
    advice: 'Split the file, or let a service work on it that takes it by its address.',
    details: { bytes, limit: MOST_BYTES, stepId },
  });
}
