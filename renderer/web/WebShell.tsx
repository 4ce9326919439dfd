import {
  Bell,
  Check,
  ChevronsUpDown,
  FolderOpen,
  GitCompareArrows,
  History,
  House,
  KeyRound,
  LogOut,
  Menu as MenuGlyph,
  MonitorSmartphone,
  Plug,
  Plus,
  ScrollText,
  Settings,
  Users,
} from 'lucide-react';
import { Dialog as Sheet } from 'radix-ui';
import { Suspense, useEffect, useId, useState } from 'react';
import { ErrorBoundary } from '../app/ErrorBoundary.tsx';
import { LinkLost } from '../app/Shell.tsx';
import { useWidth } from '../app/useWidth.ts';
import { Count } from '../look/Badge.tsx';
import { Button } from '../look/Button.tsx';
import { cx } from '../look/cx.ts';
import { Mark } from '../look/Mark.tsx';
import { Menu } from '../look/Menu.tsx';
import { Tooltip } from '../look/Tooltip.tsx';
import { now, useEditor } from '../state/store.ts';
import { AddWorkspace, NoWorkspace } from './AddWorkspace.tsx';
import { Link } from './Link.tsx';
import { pathOf, SCREENS, type ScreenName } from './route.ts';
import { SCREEN_PARTS } from './screens.tsx';
import { useUnread } from './unread.ts';
import { chooseWorkspace, useWorkspace } from './workspace.ts';

type Place = { label: string; icon: typeof Bell; group: 'work' | 'workspace' | 'person' };
const PLACES: Record<ScreenName, Place> = {
  overview: { label: 'Overview', icon: House, group: 'work' },
  projects: { label: 'Projects', icon: FolderOpen, group: 'work' },
  runs: { label: 'Runs', icon: History, group: 'work' },
  versions: { label: 'Versions', icon: GitCompareArrows, group: 'work' },
  connections: { label: 'Connections', icon: Plug, group: 'work' },
  members: { label: 'Members', icon: Users, group: 'workspace' },
  keys: { label: 'API keys', icon: KeyRound, group: 'workspace' },
  audit: { label: 'Audit', icon: ScrollText, group: 'workspace' },
  workspace: { label: 'Settings', icon: Settings, group: 'workspace' },
  notifications: { label: 'Notifications', icon: Bell, group: 'person' },
  sessions: { label: 'Sign-ins', icon: MonitorSmartphone, group: 'person' },
};
const GROUPS = [
  { group: 'work', title: undefined },
  { group: 'workspace', title: 'Workspace' },
  { group: 'person', title: 'You' },
] as const;

/** With words from here on, below as a rail, and on a telephone behind a button. */
const WORDS_FROM = 1280;
const RAIL_FROM = 768;

/** What the web has around the editor: the workspace's places at the left, one of them at the right. */
export function WebShell({ screen }: { screen: ScreenName }) {
  const width = useWidth();
  const narrow = width < RAIL_FROM;
  const Part = SCREEN_PARTS[screen];
  const { label, group } = PLACES[screen];
  const hasNone = useWorkspace().id === '' && group !== 'person';
  useEffect(() => {
    document.title = `${label} · Sluice`;
  }, [label]);
  return (
    <div className={cx('flex h-full', narrow && 'flex-col')}>
      {!narrow && (
        <button
          type="button"
          onClick={() => document.querySelector('main')?.focus()}
          className="absolute top-2 left-2 z-50 h-9 -translate-y-16 rounded-control bg-raised px-3 font-control shadow-pop focus:translate-y-0"
        >
          Skip to the content
        </button>
      )}
      {narrow ? (
        <TopBar screen={screen} />
      ) : (
        <nav
          aria-label="Places"
          className={cx(
            'flex flex-none flex-col gap-0.5 overflow-y-auto border-r border-line bg-app py-2',
            width >= WORDS_FROM ? 'w-54 px-2' : 'w-14 items-center px-1.5',
          )}
        >
          <WorkspaceSwitch words={width >= WORDS_FROM} />
          <Places screen={screen} words={width >= WORDS_FROM} />
          <span className="flex-1" />
          <PersonMenu words={width >= WORDS_FROM} />
        </nav>
      )}
      <div className="flex min-h-0 min-w-0 flex-1 flex-col">
        <LinkLost />
        <ErrorBoundary what="This screen" resetKey={screen}>
          <Suspense fallback={<main className="flex-1 bg-app" aria-busy="true" />}>
            {hasNone ? <NoWorkspace /> : <Part />}
          </Suspense>
        </ErrorBoundary>
      </div>
    </div>
  );
}

function Places({ screen, words, onGo }: { screen: ScreenName; words: boolean; onGo?: () => void }) {
  const counts: Partial<Record<ScreenName, number>> = { notifications: useUnread(screen) };
  return (
    <>
      {GROUPS.map(({ group, title }) => (
        <ul key={group} className="flex w-full flex-col gap-0.5" aria-label={title ?? 'Work'}>
          {title && words && (
            <li className="px-2.5 pt-3.5 pb-1 text-small font-control text-ink-3" aria-hidden>
              {title}
            </li>
          )}
          {title && !words && <li aria-hidden className="mx-2 my-1.5 h-px bg-line" />}
          {SCREENS.filter((one) => PLACES[one].group === group).map((one) => (
            <li key={one}>
              <PlaceLink screen={one} on={one === screen} words={words} count={counts[one] ?? 0} onGo={onGo} />
            </li>
          ))}
        </ul>
      ))}
    </>
  );
}

function PlaceLink({
  screen,
  on,
  words,
  count,
  onGo,
}: {
  screen: ScreenName;
  on: boolean;
  words: boolean;
  /** What is unread there. */
  count: number;
  onGo?: () => void;
}) {
  const { label, icon: Icon } = PLACES[screen];
  const unreadId = useId();
  const link = (
    <Link
      to={pathOf(screen)}
      onClick={onGo}
      aria-current={on ? 'page' : undefined}
      aria-label={label}
      aria-describedby={count > 0 ? unreadId : undefined}
      className={cx(
        'relative flex items-center gap-2.5 rounded-control text-ink-2 no-underline hover:bg-hover hover:text-ink aria-[current]:bg-press aria-[current]:font-name aria-[current]:text-ink',
        onGo ? 'h-11 px-3' : words ? 'h-7.5 px-2.5' : 'size-11 justify-center',
      )}
    >
      <Icon className="icon" aria-hidden />
      {words && <span className="flex-1">{label}</span>}
      {count > 0 && (
        <>
          <span aria-hidden className={cx(!words && 'absolute top-0.5 right-0.5')}>
            <Count>{count > 99 ? '99+' : count}</Count>
          </span>
          <span id={unreadId} hidden>
            {count} unread
          </span>
        </>
      )}
    </Link>
  );
  return words ? (
    link
  ) : (
    <Tooltip text={label} side="right">
      {link}
    </Tooltip>
  );
}

function WorkspaceSwitch({ words }: { words: boolean }) {
  const workspace = useWorkspace();
  const workspaces = useEditor((state) => state.account?.workspaces) ?? [];
  const [adding, setAdding] = useState(false);
  return (
    <>
      <Menu
        align="start"
        trigger={
          <button
            type="button"
            aria-label={words ? undefined : `Workspace ${workspace.name}`}
            className={cx(
              'mb-2 flex flex-none items-center gap-2.5 rounded-control hover:bg-hover',
              words ? 'h-9 w-full px-2.5' : 'size-11 justify-center',
            )}
          >
            <Mark />
            {words && (
              <span className="min-w-0 flex-1 truncate text-left font-heading">
                <span className="visually-hidden">Workspace </span>
                {workspace.name}
              </span>
            )}
            {words && <ChevronsUpDown className="icon-xs text-ink-3" aria-hidden />}
          </button>
        }
        label={<p className="text-micro text-ink-3">Workspaces</p>}
        entries={[
          ...workspaces.map((one) => ({
            label: one.name,
            hint: one.role,
            icon: one.id === workspace.id ? <Check className="icon-s" /> : undefined,
            onSelect: () => chooseWorkspace(one.id),
          })),
          'line' as const,
          { label: 'Add a workspace', icon: <Plus className="icon-s" />, onSelect: () => setAdding(true) },
        ]}
      />
      {adding && <AddWorkspace onClose={() => setAdding(false)} />}
    </>
  );
}

function PersonMenu({ words }: { words: boolean }) {
  const user = useEditor((state) => state.account?.user);
  const theme = useEditor((state) => state.preferences.theme);
  const name = user?.name || user?.email || '';
  const initials = name
    .split(/[\s@.]+/)
    .slice(0, 2)
    .map((part) => part[0]?.toUpperCase())
    .join('');
  const themes = [
    { value: 'system', label: 'Theme of the system' },
    { value: 'light', label: 'Light theme' },
    { value: 'dark', label: 'Dark theme' },
    { value: 'hc', label: 'High contrast' },
  ] as const;
  return (
    <Menu
      align="start"
      label={
        <>
          <p className="font-name text-ink">{name}</p>
          <p className="text-micro text-ink-3">{user?.email}</p>
        </>
      }
      trigger={
        <button
          type="button"
          aria-label={words ? undefined : `${initials}, account of ${name}`}
          className={cx(
            'flex flex-none items-center gap-2.5 rounded-control hover:bg-hover',
            words ? 'h-11 w-full px-2' : 'size-11 justify-center',
          )}
        >
          <span
            aria-hidden={words}
            className="flex size-6 flex-none items-center justify-center rounded-full bg-press text-[10px]/none font-heading text-ink-2"
          >
            {initials}
          </span>
          {words && (
            <span className="min-w-0 flex-1 truncate text-left text-list font-control">
              <span className="visually-hidden">Account of </span>
              {name}
            </span>
          )}
        </button>
      }
      entries={[
        ...themes.map(({ value, label }) => ({
          label,
          icon: theme === value ? <Check className="icon-s" /> : undefined,
          onSelect: () => now().setPreference({ theme: value }),
        })),
        'line' as const,
        { label: 'Sign out', icon: <LogOut className="icon-s" />, onSelect: () => void now().signOut() },
      ]}
    />
  );
}

/** On a telephone the places wait behind a button. */
function TopBar({ screen }: { screen: ScreenName }) {
  const [open, setOpen] = useState(false);
  const workspace = useWorkspace();
  return (
    <header className="flex h-13 flex-none items-center gap-1 border-b border-line bg-app px-1.5">
      <Sheet.Root open={open} onOpenChange={setOpen}>
        <Sheet.Trigger asChild>
          <Button look="ghost" className="size-11!" aria-label="Places" icon={<MenuGlyph className="icon" />} />
        </Sheet.Trigger>
        <Sheet.Portal>
          <Sheet.Overlay className="fixed inset-0 z-40 bg-scrim" />
          <Sheet.Content
            aria-describedby={undefined}
            className="fixed inset-y-0 left-0 z-50 flex w-72 max-w-[85vw] flex-col overflow-y-auto bg-app p-2 shadow-dialog outline-none"
          >
            <Sheet.Title className="visually-hidden">Places</Sheet.Title>
            <WorkspaceSwitch words />
            <nav aria-label="Places">
              <Places screen={screen} words onGo={() => setOpen(false)} />
            </nav>
            <span className="flex-1" />
            <PersonMenu words />
          </Sheet.Content>
        </Sheet.Portal>
      </Sheet.Root>
      <span className="min-w-0 flex-1 truncate text-lead font-heading">{workspace.name}</span>
    </header>
  );
}
