import { spawn } from 'node:child_process';

type Surroundings = { env: Record<string, string | undefined>; platform: NodeJS.Platform; isTerminal: boolean };

/** Whether this computer shows windows to whoever sits at it. */
export function hasDisplay({ env, platform }: Pick<Surroundings, 'env' | 'platform'>): boolean {
  return platform === 'darwin' || platform === 'win32' || Boolean(env.DISPLAY || env.WAYLAND_DISPLAY);
}

/** Whether a browser is opened without being asked: a person at a terminal with a screen, and no build machine. */
export function shouldOpen({ env, platform, isTerminal }: Surroundings, args: string[]): boolean {
  return isTerminal && hasDisplay({ env, platform }) && !env.CI && !args.includes('--no-open');
}

/** Opens an address in the system's browser. Where that fails, the address was printed anyway. */
export async function openBrowser(url: string): Promise<void> {
  const [program, ...args] =
    process.platform === 'darwin'
      ? ['open', url]
      : process.platform === 'win32'
        ? ['rundll32', 'url.dll,FileProtocolHandler', url]
        : ['xdg-open', url];
  const child = spawn(program as string, args, { stdio: 'ignore', detached: true });
  child.on('error', () => undefined);
  child.unref();
}
