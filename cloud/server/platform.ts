import type { Blobs } from '../platform/blobs.ts';
import type { Clock } from '../platform/clock.ts';
import type { Config } from '../platform/config.ts';
import type { Database } from '../platform/database.ts';
import type { ConnectionInfo } from '../platform/embeddedPostgres.ts';
import type { Mail } from '../platform/mail.ts';
import type { Metrics } from '../platform/metrics.ts';
import type { RunQueue } from '../platform/queue.ts';
import type { MasterKey, Secrets } from '../platform/secrets.ts';
import type { Calls } from './calls.ts';
import type { MountDeps } from './mount.ts';

/** What a capability may ask for. It takes what it uses and hands that on to its own parts. */
export type Platform = MountDeps & {
  calls: Calls;
  config: Config;
  db: Database;
  clock: Clock;
  metrics: Metrics;
  queue: RunQueue;
  blobs: Blobs;
  mail: Mail;
  secrets: Secrets;
  master: MasterKey;
  /** Without a slash at the end. */
  publicUrl: string;
  /** Where containers reach the agent listener. */
  agentUrl: string;
  /** Of the role that capabilities use, for what needs a connection of its own (LISTEN). */
  connection: ConnectionInfo;
};
