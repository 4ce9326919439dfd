import { join } from 'node:path';
import type { Config } from '../platform/config.ts';
import type { Capability } from '../server/capabilities.ts';
import type { Platform } from '../server/platform.ts';
import { type Loop, startLoop } from '../worker/loop.ts';
import { mailPageRouter } from './mailPages.ts';

const TICK_MS = 500;

/** Sends what waits in the outbox, and shows the letters where they go nowhere. */
export function createMailing(platform: Platform): Capability {
  const { mail, config, logger } = platform;
  let loop: Loop | undefined;
  return {
    routers: showsLetters(config) ? [mailPageRouter({ folder: join(config.dataDir, 'mail') }, platform)] : [],
    async start() {
      loop = startLoop('mail', TICK_MS, () => mail.tick(), logger);
    },
    drain: async () => loop?.stop(),
  };
}

/** Without a mail server, on loopback, under no name that others could know it by. */
export function showsLetters({ mail, host, publicUrl }: Pick<Config, 'mail' | 'host' | 'publicUrl'>): boolean {
  const loopback = ['127.0.0.1', '::1', 'localhost'];
  const named = publicUrl === undefined || loopback.includes(new URL(publicUrl).hostname);
  return mail.smtpUrl === undefined && loopback.includes(host) && named;
}
