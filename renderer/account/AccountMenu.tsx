import { LogIn, LogOut, Settings, UserRound } from 'lucide-react';
import { Menu, type MenuEntry } from '../look/Menu.tsx';
import { now, useEditor } from '../state/store.ts';

const WORDS = {
  signed_out: 'Not signed in',
  signing_in: 'Waiting for the browser',
  signed_in: 'Signed in',
  expired: 'The sign-in has expired',
  unreachable: 'The control plane does not answer',
};

/** The person, and how to become one. */
export function AccountMenu() {
  const account = useEditor((state) => state.account);
  const inProject = useEditor((state) => state.doc !== undefined);
  const name = account?.user?.name || account?.user?.email;
  const signedIn = account?.status === 'signed_in';
  const initials = name
    ?.split(/[\s@.]+/)
    .slice(0, 2)
    .map((part) => part[0]?.toUpperCase())
    .join('');
  const entries: MenuEntry[] = [
    ...(signedIn || account?.status === 'unreachable'
      ? [{ label: 'Sign out', icon: <LogOut className="icon-s" />, onSelect: () => void now().signOut() }]
      : [
          {
            label: account?.status === 'expired' ? 'Sign in again' : 'Sign in',
            icon: <LogIn className="icon-s" />,
            onSelect: () => void now().signIn(),
          },
        ]),
    ...(inProject
      ? [{ label: 'Settings', icon: <Settings className="icon-s" />, onSelect: () => now().go('settings') }]
      : []),
  ];
  return (
    <Menu
      align="start"
      label={
        <>
          <p className="font-name text-ink">{name ?? 'Account'}</p>
          <p className="text-micro text-ink-3">
            {account ? WORDS[account.status] : ''}
            {account?.user && name !== account.user.email ? ` · ${account.user.email}` : ''}
          </p>
        </>
      }
      trigger={
        <button
          type="button"
          aria-label={signedIn ? `${initials}, account of ${name}` : 'Account, not signed in'}
          className="flex size-8 items-center justify-center rounded-full"
        >
          <span className="flex size-5.5 items-center justify-center rounded-full bg-press text-[10px]/none font-heading text-ink-2">
            {signedIn && initials ? initials : <UserRound className="icon-xs" />}
          </span>
        </button>
      }
      entries={entries}
    />
  );
}
