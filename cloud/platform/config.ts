import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { SluiceError } from '#shared/error.ts';
import { issueWords } from '#shared/issueWords.ts';
import { Secret } from '#shared/log.ts';

const Flag = z.enum(['true', 'false', '1', '0', '']).transform((value) => value === 'true' || value === '1');
const Port = z.coerce.number().int().min(0).max(65_535);
const List = z.string().transform((text) =>
  text
    .split(',')
    .map((entry) => entry.trim())
    .filter(Boolean),
);
const Hidden = z
  .string()
  .min(1)
  .transform((value) => new Secret(value));

/** Every variable there is. The comments are the text of docs/self-hosting.md. */
export const Environment = z.object({
  /** Where everything is kept that is not in somebody else's database. */
  SLUICE_DATA: z.string().min(1).optional(),
  /** A Postgres of your own, as its owner; absent: a built-in one below SLUICE_DATA. */
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }).optional(),
  /** Doorbells for runs and rate limits over Redis, in place of Postgres and memory. It must not evict (`noeviction`). */
  REDIS_URL: z.url({ protocol: /^rediss?$/ }).optional(),
  /** The address to listen on; `0.0.0.0` for all of them. */
  HOST: z.string().default('127.0.0.1'),
  /** 0: any free one. */
  PORT: Port.default(4400),
  /** What people type; links in mails and webhook addresses begin with it. */
  PUBLIC_URL: z.url({ protocol: /^https?$/ }).optional(),
  /** Where containers reach us; absent: as HOST. */
  AGENT_HOST: z.string().optional(),
  /** 0: any free one. */
  AGENT_PORT: Port.default(0),
  /** How many proxies stand in front of us and say who asks. */
  TRUST_PROXY: z.coerce.number().int().min(0).max(10).default(0),
  /** Pages of these origins may use the API from a browser, with a token of their own. */
  CORS_ORIGINS: List.refine(
    (origins) => origins.every((origin) => URL.canParse(origin) && new URL(origin).origin === origin),
    'must hold origins such as https://tools.example.com, without a path',
  ).default([]),
  /** Where mail is handed over; absent: it is kept in a folder, and shown at `/mail` on this computer. */
  SMTP_URL: z
    .url({ protocol: /^smtps?$/ })
    .transform((value) => new Secret(value))
    .optional(),
  /** Who letters are from. */
  MAIL_FROM: z.string().default('Sluice <no-reply@localhost>'),
  /** Sign-in with GitHub: an OAuth app of one's own, whose callback is `<PUBLIC_URL>/sign-in/with/github/answer`. */
  GITHUB_CLIENT_ID: z.string().min(1).optional(),
  /** Of the same app. */
  GITHUB_CLIENT_SECRET: Hidden.optional(),
  /** Another than github.com: GitHub Enterprise. */
  GITHUB_URL: z.url({ protocol: /^https?$/ }).default('https://github.com'),
  /** Sign-in with Google: an OAuth client of one's own, whose callback is `<PUBLIC_URL>/sign-in/with/google/answer`. */
  GOOGLE_CLIENT_ID: z.string().min(1).optional(),
  /** Of the same client. */
  GOOGLE_CLIENT_SECRET: Hidden.optional(),
  /** Another issuer, for tests. */
  GOOGLE_URL: z.url({ protocol: /^https?$/ }).default('https://accounts.google.com'),
  /** Payments; absent: nobody can change the plan. */
  STRIPE_SECRET_KEY: Hidden.optional(),
  /** What Stripe signs its events with, sent to `/v1/billing/stripe`. */
  STRIPE_WEBHOOK_SECRET: Hidden.optional(),
  /** Another address than Stripe’s, for tests. */
  STRIPE_API_URL: z.url({ protocol: /^https?$/ }).optional(),
  /** The price of a month. */
  STRIPE_PRICE_STARTER: z.string().optional(),
  /** The price of a month. */
  STRIPE_PRICE_PRO: z.string().optional(),
  /** The price of a month. */
  STRIPE_PRICE_BUSINESS: z.string().optional(),
  /** The price of a year. */
  STRIPE_PRICE_STARTER_YEAR: z.string().optional(),
  /** The price of a year. */
  STRIPE_PRICE_PRO_YEAR: z.string().optional(),
  /** The price of a year. */
  STRIPE_PRICE_BUSINESS_YEAR: z.string().optional(),
  /** 32 bytes as 64 hex digits or base64; absent: a file below SLUICE_DATA, made at the first start. */
  SLUICE_MASTER_KEY: Hidden.optional(),
  /** Where workspaces run: in Docker, as processes of this computer (for trying out), or in Docker where it answers. */
  CONTAINER_DRIVER: z.enum(['auto', 'docker', 'process']).default('auto'),
  /** Where the networks of containers are cut from, 16 addresses each. */
  CONTAINER_SUBNETS: z.cidrv4().default('10.213.0.0/16'),
  /** Another runtime of the Docker engine than its default: `runsc` for gVisor. */
  CONTAINER_RUNTIME: z.string().optional(),
  /** `host:port` entries a workflow may reach although their address is private. */
  EGRESS_ALLOW_PRIVATE: List.default([]),
  /** Per address, renewals of tokens included. */
  SIGN_INS_PER_MINUTE: z.coerce.number().int().min(1).default(20),
  /** Per address. */
  SIGN_UPS_PER_HOUR: z.coerce.number().int().min(1).default(3),
  /** Letters with a new password, per address. */
  RESETS_PER_HOUR: z.coerce.number().int().min(1).default(3),
  /** Per user and kind of request, reading and writing. An address has 1,000, or three times as many if that is more. API keys are limited by plan. */
  REQUESTS_PER_MINUTE: z.coerce.number().int().min(1).default(300),
  /** What is written to standard output, one JSON line each. */
  LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
  /** Whether `/metrics` answers others than this computer. */
  METRICS_PUBLIC: Flag.default(false),
});

export type StripePrices = Record<'starter' | 'pro' | 'business', { month?: string; year?: string }>;

/** One's own registration at a provider that signs people in, and the address where that provider is. */
export type ProviderSettings = { clientId: string; clientSecret: Secret<string>; url: string };

export type Config = {
  dataDir: string;
  databaseUrl?: string;
  redisUrl?: string;
  host: string;
  /** 0: any free one. */
  port: number;
  /** Absent: the address we listen on. */
  publicUrl?: string;
  agentHost: string;
  agentPort: number;
  trustProxy: number;
  corsOrigins: string[];
  mail: { smtpUrl?: Secret<string>; from: string };
  stripe?: { secretKey: Secret<string>; webhookSecret?: Secret<string>; apiUrl?: string; prices: StripePrices };
  /** Who else may say who somebody is. */
  github?: ProviderSettings;
  google?: ProviderSettings;
  masterKey?: Secret<string>;
  containerDriver: 'auto' | 'docker' | 'process';
  containerSubnets: string;
  containerRuntime?: string;
  egressAllowPrivate: string[];
  signInsPerMinute: number;
  signUpsPerHour: number;
  resetsPerHour: number;
  requestsPerMinute: number;
  logLevel: 'debug' | 'info' | 'warn' | 'error';
  /** Whether /metrics answers others than this computer. */
  metricsPublic: boolean;
};

/** Settings from the environment. @throws SluiceError config.invalid naming every variable that is wrong, never its value */
export function loadConfig(env: Record<string, string | undefined>): Config {
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
  const result = Environment.safeParse(set);
  if (!result.success) {
    const wrong = result.error.issues.map((issue) => `${issue.path.join('.')}: ${issueWords(issue)}`).join('. ');
    throw new SluiceError('config.invalid', `The settings cannot be used. ${wrong}.`, {
      advice: 'Correct these environment variables and start again.',
    });
  }
  const values = result.data;
  return {
    dataDir: resolve(values.SLUICE_DATA ?? defaultDataDir()),
    databaseUrl: values.DATABASE_URL,
    redisUrl: values.REDIS_URL,
    host: values.HOST,
    port: values.PORT,
    publicUrl: values.PUBLIC_URL?.replace(/\/+$/, ''),
    agentHost: values.AGENT_HOST ?? values.HOST,
    agentPort: values.AGENT_PORT,
    trustProxy: values.TRUST_PROXY,
    corsOrigins: values.CORS_ORIGINS,
    mail: { smtpUrl: values.SMTP_URL, from: values.MAIL_FROM },
    stripe: values.STRIPE_SECRET_KEY && {
      secretKey: values.STRIPE_SECRET_KEY,
      webhookSecret: values.STRIPE_WEBHOOK_SECRET,
      apiUrl: values.STRIPE_API_URL,
      prices: {
        starter: { month: values.STRIPE_PRICE_STARTER, year: values.STRIPE_PRICE_STARTER_YEAR },
        pro: { month: values.STRIPE_PRICE_PRO, year: values.STRIPE_PRICE_PRO_YEAR },
        business: { month: values.STRIPE_PRICE_BUSINESS, year: values.STRIPE_PRICE_BUSINESS_YEAR },
      },
    },
    github: providerOf('GITHUB', values.GITHUB_CLIENT_ID, values.GITHUB_CLIENT_SECRET, values.GITHUB_URL),
    google: providerOf('GOOGLE', values.GOOGLE_CLIENT_ID, values.GOOGLE_CLIENT_SECRET, values.GOOGLE_URL),
    masterKey: values.SLUICE_MASTER_KEY,
    containerDriver: values.CONTAINER_DRIVER,
    containerSubnets: values.CONTAINER_SUBNETS,
    containerRuntime: values.CONTAINER_RUNTIME,
    egressAllowPrivate: values.EGRESS_ALLOW_PRIVATE,
    signInsPerMinute: values.SIGN_INS_PER_MINUTE,
    signUpsPerHour: values.SIGN_UPS_PER_HOUR,
    resetsPerHour: values.RESETS_PER_HOUR,
    requestsPerMinute: values.REQUESTS_PER_MINUTE,
    logLevel: values.LOG_LEVEL,
    metricsPublic: values.METRICS_PUBLIC,
  };
}

/** @throws SluiceError config.invalid where one half is set without the other */
function providerOf(
  name: string,
  clientId: string | undefined,
  clientSecret: Secret<string> | undefined,
  url: string,
): ProviderSettings | undefined {
  if (clientId !== undefined && clientSecret !== undefined) return { clientId, clientSecret, url };
  if (clientId === undefined && clientSecret === undefined) return undefined;
  const missing = `${name}_CLIENT_${clientId === undefined ? 'ID' : 'SECRET'}`;
  throw new SluiceError('config.invalid', `The settings cannot be used. ${missing}: is missing.`, {
    advice: 'Set both or neither of the two, and start again.',
  });
}

/** `.data/` of a checkout, else the place for data of this user. */
function defaultDataDir(): string {
  if (existsSync('package.json') && existsSync('prisma/schema.prisma')) return '.data';
  return join(homedir(), '.local', 'share', 'sluice');
}
