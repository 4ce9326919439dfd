import { Check, CheckCheck } from 'lucide-react';
import { Fragment } from 'react';
import { NOTICE_CHANNELS, type NoticePreference, type Notification } from '#shared/contract/cloud/notifications.ts';
import type { CloudApi } from '#shared/contract/cloudApi.ts';
import type { Client } from '#shared/contract/contract.ts';
import { cloudClient } from '../host/webLink.ts';
import { AskFailed, Skeleton } from '../look/Asked.tsx';
import { Button } from '../look/Button.tsx';
import { cx } from '../look/cx.ts';
import { formatAgo } from '../look/format.ts';
import { Checkbox } from '../look/Switch.tsx';
import { useNow } from '../look/useNow.ts';
import { editor, now } from '../state/store.ts';
import { openRun } from './openRun.ts';
import { Empty, Page, Panel } from './Page.tsx';
import { readUnread } from './unread.ts';
import { useAsk } from './useAsk.ts';
import { useRefresh } from './useRefresh.ts';
import { chooseWorkspace } from './workspace.ts';

const PAGE = 50;
const REFRESH_MS = 15_000;

/** What happened that concerns one, and of what one wants to be told. */
export function NotificationsScreen() {
  const asked = useAsk('notifications', async (cloud) => {
    const [list, preferences, invited] = await Promise.all([
      cloud.notifications.list({ limit: PAGE }),
      cloud.notifications.preferences({}),
      cloud.ownInvitations.list({}),
    ]);
    return { list: list.data, preferences: preferences.preferences, invited };
  });
  const time = useNow(30_000);
  useRefresh(asked.again, REFRESH_MS);
  const { data, error } = asked;

  async function change(what: string, ask: (cloud: Client<CloudApi>) => Promise<unknown>) {
    try {
      await ask(await cloudClient());
    } catch (thrown) {
      now().fail(thrown, what);
    }
    await Promise.all([asked.again(), readUnread()]);
  }

  const unread = data?.list.some(({ read }) => !read);
  return (
    <Page
      title="Notifications"
      actions={
        unread && (
          <Button
            icon={<CheckCheck className="icon-s" />}
            onClick={() => void change('They are still unread', (cloud) => cloud.notifications.markAllRead({}))}
          >
            Mark all as read
          </Button>
        )
      }
    >
      {error && !data && <AskFailed error={error} onAgain={() => void asked.again()} />}
      {!data && !error && <Skeleton />}
      {data?.invited.map((one) => (
        <Panel key={one.id} title={`${one.invitedByName} invites you to ${one.workspaceName}`}>
          <div className="flex flex-wrap items-center gap-3 p-4">
            <p className="min-w-50 flex-1 text-ink-2">
              You would be {one.role === 'admin' ? 'an' : 'a'} {one.role} there.
            </p>
            <Button
              onClick={() =>
                void change('The invitation still waits', (cloud) =>
                  cloud.ownInvitations.decline({ invitationId: one.id }),
                )
              }
            >
              Decline
            </Button>
            <Button
              look="primary"
              onClick={() =>
                void change('You did not join', async (cloud) => {
                  const workspace = await cloud.ownInvitations.accept({ invitationId: one.id });
                  now().accountChanged(await editor().client.account.state({}));
                  await now().loadProjects();
                  chooseWorkspace(workspace.id);
                })
              }
            >
              Join {one.workspaceName}
            </Button>
          </div>
        </Panel>
      ))}
      {data?.list.length === 0 && data.invited.length === 0 && (
        <Empty title="Nothing to tell you yet">
          A run that fails or waits for you, an allowance that ends, a new sign-in: it stands here.
        </Empty>
      )}
      {data && data.list.length > 0 && (
        <Panel>
          <ul aria-label="Notifications">
            {data.list.map((one) => (
              <li key={one.id} className="border-b border-line last:border-b-0">
                <Notice
                  notice={one}
                  time={time}
                  onRead={() =>
                    void change('It is still unread', (cloud) =>
                      cloud.notifications.markRead({ notificationId: one.id }),
                    )
                  }
                />
              </li>
            ))}
          </ul>
        </Panel>
      )}
      {data && (
        <Panel title="What you are told of">
          <Preferences
            preferences={data.preferences}
            onChange={({ kind, channel, enabled }) =>
              void change('The choice was not kept', (cloud) =>
                cloud.notifications.setPreference({ kind, channel, enabled: !enabled }),
              )
            }
          />
        </Panel>
      )}
    </Page>
  );
}

/** The run that a notification is about, if it is about one. */
function runOf({ data }: Notification): { id: string; projectId: string } | undefined {
  const { runId: id, projectId } = data;
  return typeof id === 'string' && typeof projectId === 'string' ? { id, projectId } : undefined;
}

function Notice({ notice, time, onRead }: { notice: Notification; time: number; onRead: () => void }) {
  const run = runOf(notice);
  function open() {
    if (!run) return;
    if (notice.workspaceId) chooseWorkspace(notice.workspaceId);
    if (!notice.read) onRead();
    void openRun(run);
  }
  return (
    <div className={cx('group relative flex items-start gap-3 px-4 py-2.5', run && 'hover:bg-hover')}>
      <span
        aria-hidden
        className={cx('mt-1.5 size-2 flex-none rounded-full', notice.read ? 'bg-transparent' : 'bg-accent')}
      />
      <div className="min-w-0 flex-1 [overflow-wrap:anywhere]">
        <p className="font-name">
          {!notice.read && <span className="visually-hidden">Unread: </span>}
          {run ? (
            <button
              type="button"
              onClick={open}
              className="text-left after:absolute after:inset-0 group-hover:underline max-sm:min-h-0!"
            >
              {notice.title}
            </button>
          ) : (
            notice.title
          )}
          {notice.count > 1 && <span className="ml-1.5 text-small font-normal text-ink-3">{notice.count} times</span>}
        </p>
        <p className="text-small text-ink-2">{notice.message}</p>
        <p className="text-small text-ink-3" title={notice.at}>
          {formatAgo(notice.at, time)}
        </p>
      </div>
      {!notice.read && (
        <Button
          look="ghost"
          className="z-1 max-sm:size-9"
          aria-label={`Mark "${notice.title}" as read`}
          icon={<Check className="icon-s" />}
          onClick={onRead}
        />
      )}
    </div>
  );
}

const CHANNELS = { app: 'Here', email: 'By e-mail' };

function Preferences({
  preferences,
  onChange,
}: {
  preferences: NoticePreference[];
  onChange: (preference: NoticePreference) => void;
}) {
  const kinds = [...new Map(preferences.map(({ kind, title }) => [kind, title]))];
  return (
    <table aria-label="What you are told of" className="w-full text-list">
      <thead>
        <tr className="text-left text-micro font-control text-ink-3">
          <th scope="col" className="h-7.5 px-4">
            What
          </th>
          {NOTICE_CHANNELS.map((channel) => (
            <th key={channel} scope="col" className="h-7.5 w-24 px-2 whitespace-nowrap max-sm:w-18">
              {CHANNELS[channel]}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {kinds.map(([kind, title]) => (
          <tr key={kind}>
            <th scope="row" className="h-9 border-t border-line px-4 py-1.5 text-left font-normal">
              {title}
            </th>
            {NOTICE_CHANNELS.map((channel) => {
              const one = preferences.find((found) => found.kind === kind && found.channel === channel);
              return (
                <Fragment key={channel}>
                  <td className="h-9 border-t border-line px-2">
                    {one && (
                      <Checkbox
                        aria-label={`${title}, ${CHANNELS[channel].toLowerCase()}`}
                        checked={one.enabled}
                        disabled={!one.changeable}
                        onChange={() => onChange(one)}
                      />
                    )}
                  </td>
                </Fragment>
              );
            })}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
