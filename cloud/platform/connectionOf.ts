import { readFileSync } from 'node:fs';
import { SluiceError } from '#shared/error.ts';
import type { ConnectionInfo } from './embeddedPostgres.ts';

const MODES = ['disable', 'require', 'verify-full'];
const KNOWN = new Set(['sslmode', 'sslrootcert']);

/**
 * What DATABASE_URL says: where the Postgres is, who owns the database, and whether the line is encrypted (`sslmode`).
 *
 * @throws SluiceError config.invalid for a setting that we would not keep, such as `sslmode=prefer`; never with the password
 */
export function connectionOf(databaseUrl: string): ConnectionInfo {
  const url = new URL(databaseUrl);
  const unknown = [...url.searchParams.keys()].filter((name) => !KNOWN.has(name));
  if (unknown.length > 0) throw wrong(`${unknown.join(', ')} is not known`);
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: Number(url.port || 5432),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: decodeURIComponent(url.pathname.slice(1)),
    ...tlsOf(url.searchParams),
  };
}

function tlsOf(settings: URLSearchParams): Pick<ConnectionInfo, 'ssl'> {
  const mode = settings.get('sslmode') ?? 'disable';
  const file = settings.get('sslrootcert');
  // Those between try without encryption, or believe any name: a line that somebody wanted encrypted has to be.
  if (!MODES.includes(mode)) throw wrong(`sslmode must be one of ${MODES.join(', ')}, not ${mode}`);
  if (file !== null && mode !== 'verify-full') throw wrong('sslrootcert belongs to sslmode=verify-full');
  if (mode === 'disable') return {};
  return { ssl: { rejectUnauthorized: mode === 'verify-full', ...(file === null ? {} : { ca: certificate(file) }) } };
}

function certificate(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw wrong(`sslrootcert ${file} cannot be read`, cause);
  }
}

function wrong(why: string, cause?: unknown): SluiceError {
  return new SluiceError('config.invalid', `DATABASE_URL cannot be used: ${why}.`, {
    advice: 'Correct it and start again. docs/self-hosting.md says what it may hold.',
    cause,
  });
}
