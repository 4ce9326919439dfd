import type { LogFields, Logger } from '#shared/log.ts';

/** JSON lines on standard error; standard output belongs to the protocol. */
export function stderrLogger(fields: LogFields = {}): Logger {
  const write = (level: string) => (message: string, more?: LogFields) => {
    process.stderr.write(`${JSON.stringify({ level, at: new Date().toISOString(), message, ...fields, ...more })}\n`);
  };
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    with: (more) => stderrLogger({ ...fields, ...more }),
  };
}
