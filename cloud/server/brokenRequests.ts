import type { Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { v7 as uuidv7 } from 'uuid';
import { SluiceError } from '#shared/error.ts';
import type { Logger } from '#shared/log.ts';

/** Answers with a problem what Node itself refuses before any route sees it, and closes the connection. */
export function answerBrokenRequests(server: Server, logger: Logger): void {
  server.on('clientError', (failure: NodeJS.ErrnoException, socket: Duplex) => {
    if (failure.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy();
      return;
    }
    const error = errorOf(failure.code);
    const requestId = uuidv7();
    logger.info('broken request', { requestId, code: error.code, why: failure.code });
    const body = JSON.stringify({
      type: `urn:sluice:${error.code}`,
      title: error.message,
      status: error.status,
      code: error.code,
      detail: error.advice,
      requestId,
    });
    const head = [
      `HTTP/1.1 ${error.status} ${REASONS[error.status] ?? 'Bad Request'}`,
      'Content-Type: application/problem+json; charset=utf-8',
      `Content-Length: ${Buffer.byteLength(body)}`,
      `Sluice-Request: ${requestId}`,
      'Cache-Control: no-store',
      'X-Content-Type-Options: nosniff',
      'Connection: close',
    ];
    socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
  });
}

const REASONS: Record<number, string> = { 408: 'Request Timeout', 431: 'Request Header Fields Too Large' };

function errorOf(code: string | undefined): SluiceError {
  if (code === 'HPE_HEADER_OVERFLOW') {
    return new SluiceError('request.headers_too_large', 'The headers of the request are larger than 16 KB.', {
      advice: 'Send fewer or shorter headers, and what is long in the body.',
    });
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return new SluiceError('request.timed_out', 'The request did not arrive whole in time.', {
      advice: 'Send it again, over a faster line or in smaller parts.',
    });
  }
  return new SluiceError('request.malformed', 'This is not an HTTP request.', { advice: 'Send HTTP/1.1.' });
}
