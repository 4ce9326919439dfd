import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { RuntimeLimits } from '#shared/contract/agentApi.ts';
import { SluiceError } from '#shared/error.ts';
import { parse } from '#shared/parse.ts';
import { stderrLogger } from './log.ts';

/**
 * The runtime package's one program. `agent` dials out to a control plane; `runner` asks the same of its parent over
 * stdin and stdout; `serve` listens for a project's triggers itself; `case` runs saved cases; `replay` executes a run
 * again from its tape; `sandbox` is one worker for people's scripts, `sandbox python` one for Python; `sqlite` does
 * statements for its parent.
 */
const here = dirname(fileURLToPath(import.meta.url));
const entry = fileURLToPath(import.meta.url);
const log = stderrLogger({ pid: process.pid });

const ORPHAN_LOOK_MS = 2_000;
const INSPECT_FD = 3;

const modes: Record<string, () => Promise<void>> = {
  agent: runAgent,
  runner: runRunner,
  serve,
  case: runCases,
  replay,
  sandbox,
  sqlite,
};

async function main(): Promise<void> {
  const mode = process.argv[2] ?? '';
  const run = Object.hasOwn(modes, mode) ? modes[mode] : undefined;
  if (!run)
    throw new SluiceError(
      'request.invalid',
      `There is no mode ${mode || '(none)'}; there are ${Object.keys(modes).join(', ')}.`,
    );
  await run();
}

async function sandbox(): Promise<void> {
  const { serveLanguage } = await import('./sandbox/worker.ts');
  await serveLanguage(process.argv[3], process.argv[4]);
  // Python's own machinery would keep the process.
  process.exit(0);
}

async function sqlite(): Promise<void> {
  const { serveSqlite } = await import('./engine/ports/sqlSqliteServe.ts');
  serveSqlite();
}

async function openSandbox() {
  const { createSandbox } = await import('./sandbox/sandbox.ts');
  const onCrash = (message: string) => log.warn('A script worker ended.', { reason: message });
  const inspect = await openInspector();
  return createSandbox(entry.endsWith('.ts') ? { onCrash, inspect } : { entry, args: ['sandbox'], onCrash, inspect });
}

/** Where whoever started us debugs: a pipe beside the usual three, and the address of the project's folder. */
async function openInspector() {
  const root = process.env.SLUICE_INSPECT;
  if (root === undefined) return undefined;
  const { Socket } = await import('node:net');
  const { channelOver } = await import('./sandbox/inspect.ts');
  const pipe = new Socket({ fd: INSPECT_FD, readable: true, writable: true });
  const channel = channelOver(pipe, pipe);
  // A debugger alone keeps nobody here.
  pipe.unref();
  return { root, channel };
}

const AgentEnv = z.object({
  SLUICE_AGENT_URL: z.url(),
  SLUICE_BOOT_SECRET: z.string().min(16),
  SLUICE_DATA_DIR: z.string().default('/data'),
});

async function runAgent(): Promise<void> {
  const env = parse(AgentEnv, process.env, 'The environment of the agent', 'config.invalid');
  // Nothing that runs here later needs it, and a child would inherit it.
  delete process.env.SLUICE_BOOT_SECRET;
  const { startAgent } = await import('./agent/agent.ts');
  const { connectOverHttp } = await import('./agent/httpTransport.ts');
  const { createRunPorts, remoteBlobs } = await import('./agent/runPorts.ts');
  const { client, useToken } = connectOverHttp(env.SLUICE_AGENT_URL);
  let limits: RuntimeLimits | undefined;
  const ports = createRunPorts({
    dataDir: env.SLUICE_DATA_DIR,
    blobs: remoteBlobs(client),
    sandbox: await openSandbox(),
    storageBytes: () => limits?.storageBytes,
  });
  const agent = startAgent({
    client,
    portsFor: ports.portsFor,
    bootSecret: env.SLUICE_BOOT_SECRET,
    runtimeHash: runtimeHash(),
    runsAtOnce: 1,
    log,
    onLimits(allowed) {
      limits = allowed;
    },
    onToken: useToken,
  });
  onStop(() => agent.stop(10_000));
  await agent.ended;
  await ports.close();
  // A connection that was kept open must not hold the container.
  process.exit(0);
}

async function runRunner(): Promise<void> {
  const { startAgent } = await import('./agent/agent.ts');
  const { connectOverStdio } = await import('./agent/stdio.ts');
  const { createRunPorts, remoteBlobs } = await import('./agent/runPorts.ts');
  const { client, closed } = connectOverStdio(process.stdin, process.stdout);
  const dataDir = parse(
    z.object({ SLUICE_DATA_DIR: z.string().min(1) }),
    process.env,
    'The environment of the runner',
    'config.invalid',
  );
  const ports = createRunPorts({
    dataDir: dataDir.SLUICE_DATA_DIR,
    blobs: remoteBlobs(client),
    sandbox: await openSandbox(),
  });
  const agent = startAgent({
    client,
    portsFor: ports.portsFor,
    bootSecret: 'local',
    runtimeHash: runtimeHash(),
    runsAtOnce: 20,
    log,
  });
  onStop(() => agent.stop(5_000));
  // The host has gone: what is at work resumes from its journal under the next one.
  await Promise.race([closed, agent.ended]);
  await ports.close();
  process.exit(0);
}

async function serve(): Promise<void> {
  const { ServeConfig, serveProject } = await import('./agent/serve.ts');
  const config = parse(ServeConfig, await readInput(), 'The configuration', 'config.invalid');
  const serving = await serveProject(config, { runtimeHash: runtimeHash(), sandbox: await openSandbox(), log });
  say({ listening: { url: serving.url, triggers: serving.triggers } });
  const parent = process.ppid;
  await new Promise<void>((resolve) => {
    onStop(async () => resolve());
    // Whoever started us died without a word: nobody is left who could stop us.
    setInterval(() => process.ppid !== parent && resolve(), ORPHAN_LOOK_MS).unref();
  });
  await serving.stop();
  process.exit(0);
}

async function runCases(): Promise<void> {
  const { CaseInput, runCase } = await import('./engine/runCase.ts');
  // Before the cases are there: a debugger may come first.
  const sandboxProcess = await openSandbox();
  const input = parse(CaseInput, await readInput(), 'The cases', 'config.invalid');
  for (const [id, saved] of Object.entries(input.tree.tests)) {
    if (input.only && !input.only.includes(id)) continue;
    const result = await runCase(input.tree, id, saved, { sandbox: sandboxProcess, vars: input.vars });
    say(result);
  }
  await sandboxProcess.close();
}

async function replay(): Promise<void> {
  const { ReplayInput, showReplay } = await import('./tape/showReplay.ts');
  const input = parse(ReplayInput, await readInput(), 'What to replay', 'config.invalid');
  const sandboxProcess = await openSandbox();
  say(await showReplay(input, { sandbox: sandboxProcess, runtimeHash: runtimeHash() }));
  await sandboxProcess.close();
}

/** One line for whoever started this. Some readers of lines take U+2028 and U+2029 for ends, and JSON leaves them as they are. */
function say(value: unknown): void {
  const line = JSON.stringify(value).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029');
  process.stdout.write(`${line}\n`);
}

async function readInput(): Promise<unknown> {
  try {
    return JSON.parse(await text(process.stdin));
  } catch (cause) {
    throw new SluiceError('config.invalid', 'What came on standard input is not JSON.', { cause });
  }
}

/** The hash of this package, from the list of its files; from the sources it is that of a fixed text. */
function runtimeHash(): string {
  const file = join(here, 'runtime.lock.json');
  if (!existsSync(file)) return createHash('sha256').update('from source').digest('hex');
  return z.object({ hash: z.string() }).parse(JSON.parse(readFileSync(file, 'utf8'))).hash;
}

function onStop(stop: () => Promise<void>): void {
  let asked = false;
  const once = () => {
    if (asked) return;
    asked = true;
    void stop();
  };
  process.on('SIGTERM', once);
  process.on('SIGINT', once);
}

main().catch((thrown: unknown) => {
  const error = SluiceError.from(thrown);
  say({ error: error.toWire() });
  log.error(error.message, {
    code: error.code,
    cause: error.cause ? String((error.cause as Error).stack ?? error.cause) : undefined,
  });
  process.exitCode = 1;
});
