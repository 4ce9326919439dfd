import { type DestinationStream, pino } from 'pino';
import type { LogFields, Logger } from '#shared/log.ts';

/** One JSON line per entry, to standard output. @param destination for tests and files */
export function createLogger(level: 'debug' | 'info' | 'warn' | 'error', destination?: DestinationStream): Logger {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return wrap(destination ? pino(options, destination) : pino(options));
}

type PinoLogger = ReturnType<typeof pino>;

function wrap(inner: PinoLogger): Logger {
  return {
    debug: (message: string, fields: LogFields = {}) => inner.debug(fields, message),
    info: (message: string, fields: LogFields = {}) => inner.info(fields, message),
    warn: (message: string, fields: LogFields = {}) => inner.warn(fields, message),
    error: (message: string, fields: LogFields = {}) => inner.error(fields, message),
    with: (fields: LogFields) => wrap(inner.child(fields)),
  };
}
