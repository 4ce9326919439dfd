import { SluiceError } from '#shared/error.ts';
import type { Json, JsonObject } from '#shared/json.ts';

/** A file of a request, whole. `mime` and `fileName` are what the sender says. */
export type SentFile = { name: string; bytes: Buffer; mime: string; fileName: string };

type Limits = {
  /** Of the texts of all fields together. */
  maxBytes: number;
  /** The files that are taken, by name. */
  files: ReadonlyMap<string, { maxBytes: number }>;
};

const MOST_FIELDS = 500;

/**
 * Reads a multipart body: its fields (a name that comes more than once holds a list) and its files. A file field that was
 * left empty, as browsers send it, is none.
 *
 * @throws SluiceError hook.body_invalid, hook.body_too_large with the field's name
 */
export async function readMultipart(
  rawBody: Uint8Array,
  contentType: string,
  { maxBytes, files: taken }: Limits,
): Promise<{ fields: JsonObject; files: SentFile[] }> {
  const { Busboy } = await import('@fastify/busboy');
  const fields = new Map<string, Json>();
  const files = new Map<string, SentFile>();
  await new Promise<void>((resolve, reject) => {
    const refuse = (message: string, cause?: unknown) =>
      reject(new SluiceError('hook.body_invalid', message, { cause }));
    let left = maxBytes;
    let parser: InstanceType<typeof Busboy>;
    try {
      parser = new Busboy({
        headers: { 'content-type': contentType },
        limits: {
          fieldNameSize: 200,
          fieldSize: maxBytes,
          fields: MOST_FIELDS,
          files: taken.size + 1,
          fileSize: Math.max(1, ...[...taken.values()].map((one) => one.maxBytes)) + 1,
          headerPairs: 50,
          headerSize: 16_384,
        },
      });
    } catch (cause) {
      refuse('The multipart body does not say where its parts end.', cause);
      return;
    }
    parser.on('field', (name, value, nameTruncated, valueTruncated) => {
      left -= Buffer.byteLength(value);
      if (nameTruncated) return refuse('The name of a field is too long.');
      if (valueTruncated || left < 0) return reject(tooLarge(name, maxBytes));
      const before = fields.get(name);
      fields.set(name, before === undefined ? value : Array.isArray(before) ? [...before, value] : [before, value]);
    });
    parser.on('file', (name, stream, fileName, _encoding, mime) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('error', (cause: unknown) => refuse('The multipart body ends in the middle of a file.', cause));
      stream.on('end', () => {
        const bytes = Buffer.concat(chunks);
        const isEmpty = bytes.length === 0 && (fileName ?? '') === '';
        if (isEmpty) return;
        const known = taken.get(name);
        if (!known) return refuse(`The file ${name.slice(0, 100)} is not one that is taken here.`);
        if (files.has(name)) return refuse(`The file ${name} came more than once.`);
        if (bytes.length > known.maxBytes) return reject(tooLarge(name, known.maxBytes));
        files.set(name, { name, bytes, mime: mimeOf(mime), fileName: plainName(fileName) });
      });
    });
    parser.on('fieldsLimit', () => refuse(`The body has more than ${MOST_FIELDS} fields.`));
    parser.on('filesLimit', () => refuse(`The body has more than ${taken.size} files.`));
    parser.on('error', (cause) => refuse('The multipart body cannot be read.', cause));
    parser.on('finish', () => resolve());
    parser.end(Buffer.from(rawBody));
  });
  return { fields: Object.fromEntries(fields), files: [...files.values()] };
}

function mimeOf(mime: string | undefined): string {
  const plain = mime?.split(';')[0]?.trim().toLowerCase() ?? '';
  return /^[a-z0-9.+-]+\/[a-z0-9.+-]+$/.test(plain) ? plain : 'application/octet-stream';
}

/** Only the last part of a path, without signs that mean something to a terminal or a header. */
function plainName(name: string | undefined): string {
  const last = (name ?? '').split(/[\\/]/).at(-1) ?? '';
  return last.replace(/\p{Cc}|"/gu, '').slice(0, 200) || 'file';
}

function tooLarge(name: string, maxBytes: number): SluiceError {
  return new SluiceError('hook.body_too_large', `The field ${name.slice(0, 100)} is larger than ${maxBytes} bytes.`, {
    details: { field: name.slice(0, 100), maxBytes },
    advice: 'Send less.',
  });
}
