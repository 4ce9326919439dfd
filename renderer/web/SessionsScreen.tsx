import { Laptop, MonitorSmartphone } from 'lucide-react';
import { useState } from 'react';
import { SluiceError } from '#shared/error.ts';
import { cloudClient } from '../host/webLink.ts';
import { AskFailed, Skeleton } from '../look/Asked.tsx';
import { Button } from '../look/Button.tsx';
import { formatAgo } from '../look/format.ts';
import { Table } from '../look/Table.tsx';
import { useNow } from '../look/useNow.ts';
import { now } from '../state/store.ts';
import { Page, Panel } from './Page.tsx';
import { useAsk } from './useAsk.ts';

/** Where one is signed in, and how to end that. */
export function SessionsScreen() {
  const asked = useAsk('sessions', (cloud) => cloud.sessions.list({}));
  const [ending, setEnding] = useState<string>();
  const time = useNow(30_000);
  const { data, error } = asked;

  async function end(what: string, ask: () => Promise<unknown>) {
    setEnding(what);
    try {
      await ask();
      await asked.again();
    } catch (thrown) {
      // Ended meanwhile is ended as well.
      if (SluiceError.from(thrown).code === 'session.not_found') await asked.again();
      else now().fail(thrown, 'The sign-in was not ended');
    } finally {
      setEnding(undefined);
    }
  }

  const others = data?.filter(({ current }) => !current) ?? [];
  return (
    <Page
      title="Sign-ins"
      word="of your account"
      actions={
        others.length > 0 && (
          <Button
            look="danger"
            busy={ending === 'others' && 'Ending'}
            onClick={() =>
              void end('others', async () => (await cloudClient()).sessions.revokeAll({ keepThisOne: true }))
            }
          >
            End all others
          </Button>
        )
      }
    >
      {error && <AskFailed error={error} onAgain={() => void asked.again()} />}
      {!data && !error && <Skeleton />}
      {data && (
        <Panel>
          <Table
            label="Sign-ins"
            rows={data}
            keyOf={(one) => one.id}
            columns={[
              {
                head: 'Where',
                cell: (one) => (
                  <span className="flex items-center gap-2" title={one.userAgent}>
                    {one.kind === 'device' ? (
                      <Laptop className="icon-s flex-none text-ink-3" aria-hidden />
                    ) : (
                      <MonitorSmartphone className="icon-s flex-none text-ink-3" aria-hidden />
                    )}
                    {one.name}
                    {one.current && (
                      <span className="rounded-chip bg-press px-1.5 text-micro font-control text-ink-2">this one</span>
                    )}
                  </span>
                ),
              },
              { head: 'Address', cell: (one) => <span className="font-mono text-[11.5px]">{one.ip}</span>, wide: true },
              {
                head: 'Last seen',
                right: true,
                wide: true,
                cell: (one) => <span title={one.lastSeenAt}>{formatAgo(one.lastSeenAt, time)}</span>,
              },
              {
                head: 'Since',
                right: true,
                wide: true,
                cell: (one) => <span title={one.startedAt}>{formatAgo(one.startedAt, time)}</span>,
              },
            ]}
            below={(one) => `${one.ip}, seen ${formatAgo(one.lastSeenAt, time)}`}
            actions={(one) =>
              one.current ? (
                <Button size="sm" onClick={() => void now().signOut()}>
                  Sign out
                </Button>
              ) : (
                <Button
                  size="sm"
                  look="danger"
                  busy={ending === one.id && 'Ending'}
                  aria-label={`End the sign-in on ${one.name}`}
                  onClick={() =>
                    void end(one.id, async () => (await cloudClient()).sessions.revoke({ sessionId: one.id }))
                  }
                >
                  End
                </Button>
              )
            }
          />
        </Panel>
      )}
      <p className="text-small text-ink-2">
        A second step at the sign-in keeps your account safe even where your password is known.{' '}
        <a className="underline" href="/second-factor">
          Set it up
        </a>
      </p>
      <p className="text-small text-ink-2">
        What is kept about you is yours to have, and to have deleted.{' '}
        <a className="underline" href="/account">
          Your data and your account
        </a>
      </p>
    </Page>
  );
}
