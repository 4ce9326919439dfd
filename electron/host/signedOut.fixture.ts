import { SluiceError } from '#shared/error.ts';
import type { CloudServices } from './cloudServices.ts';

/** The cloud's calls on a computer where no control plane is set up: everything local works, the rest says what is missing. */
export function signedOut(cloudUrl: string): CloudServices {
  const refuse = (): never => {
    throw new SluiceError(
      'access.unauthenticated',
      'This needs a control plane, and this program was started without one.',
      {
        advice: 'Start one with "sluice cloud", or name one in SLUICE_URL; then start this program again and sign in.',
      },
    );
  };
  return {
    cloudUrl,
    attach: () => {},
    projectOpened: () => {},
    projectChanged: () => {},
    projectClosed: () => {},
    shared: () => undefined,
    syncState: () => ({ state: 'local_only', pending: 0 }),
    hostedConnections: { names: async () => [], set: refuse, test: refuse },
    account: {
      state: () => ({ cloudUrl, status: 'signed_out', workspaces: [], vault: 'memory' }),
      signIn: refuse,
      cancelSignIn: () => ({ done: true }),
      signOut: () => ({ done: true }),
    },
    sync: { bind: refuse, now: refuse, remote: refuse, clone: refuse },
    // Nobody is there to see it.
    presence: { tell: () => ({ done: true }) },
    publish: { preview: refuse, start: refuse, deployments: refuse, versions: refuse, rollback: refuse },
    hosted: {
      runs: refuse,
      run: refuse,
      cancel: refuse,
      retry: refuse,
      retryMany: refuse,
      resume: refuse,
      usage: refuse,
      upgrade: refuse,
    },
    close: async () => {},
  };
}
