import type { IncomingMessage } from 'node:http';
import { SluiceError } from '#shared/error.ts';

/**
 * The bytes of a request as they came, whatever its Content-Type says: a signature is over these.
 *
 * @throws SluiceError hook.body_too_large, or what `tooLarge` says; the rest of the body is let go unread
 */
export function readBody(
  request: IncomingMessage,
  maxBytes: number,
  tooLarge: (maxBytes: number) => SluiceError = hookTooLarge,
): Promise<Buffer> {
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > maxBytes) return Promise.reject(tooLarge(maxBytes));
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxBytes) {
        request.removeAllListeners('data');
        request.resume();
        reject(tooLarge(maxBytes));
        return;
      }
      chunks.push(chunk);
    });
    request.on('end', () => resolve(Buffer.concat(chunks, bytes)));
    request.on('error', reject);
    request.on('aborted', () => reject(new SluiceError('hook.body_invalid', 'The request ended before its body did.')));
  });
}

function hookTooLarge(maxBytes: number): SluiceError {
  return new SluiceError('hook.body_too_large', `The body is larger than the ${maxBytes} bytes this webhook takes.`, {
    details: { maxBytes },
    advice: 'Send less, or raise maxBytes of the trigger and publish again.',
  });
}
