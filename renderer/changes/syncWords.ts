import { Cloud, CloudOff, CloudUpload, GitMerge, HardDrive, type LucideIcon, UserRoundX } from 'lucide-react';
import type { SyncState } from '#shared/contract/host/common.ts';
import { formatAgo, plural } from '../look/format.ts';

/** How a project stands with its copy in the workspace: the word, why, and what happens next. */
export type SyncWords = {
  icon: LucideIcon;
  /** Where there is little room: "Synced", "2 conflicts". */
  word: string;
  /** With what belongs to it: "Synced r123". */
  full: string;
  /** Whether somebody has to do something. */
  waits: boolean;
  why: string;
  next: string;
  act?: 'sign-in' | 'conflicts' | 'sync' | 'publish';
};

/** @param reachable whether the control plane answered last */
export function syncWords(sync: SyncState, reachable: boolean, now: number): SyncWords {
  const open = sync.conflicts ?? 0;
  const toSend = sync.pending > 0 ? `${plural(sync.pending, 'change waits', 'changes wait')} here to be sent.` : '';
  if (open > 0 || sync.state === 'conflict') {
    const word = open > 0 ? plural(open, 'conflict') : 'Conflict';
    return {
      icon: GitMerge,
      word,
      full: word,
      waits: true,
      why: open > 0 ? 'Two answers met in the same place. Both are kept until somebody chooses.' : (sync.reason ?? ''),
      next: 'Everything else goes on being saved and synced. Publishing waits for the answers.',
      act: 'conflicts',
    };
  }
  switch (sync.state) {
    case 'local_only':
      if (sync.reason) {
        return {
          icon: HardDrive,
          word: 'Local only',
          full: 'Local only',
          waits: true,
          why: sync.reason,
          next: 'If it is yours, choose the workspace that it belongs to. It opens, can be edited and saved without.',
          act: 'publish',
        };
      }
      return {
        icon: HardDrive,
        word: 'Saved here',
        full: 'Saved here',
        waits: false,
        why: 'The project is on this computer only.',
        next: 'Publish it to keep it in a workspace too.',
        act: 'publish',
      };
    case 'needs_sign_in':
      return {
        icon: UserRoundX,
        word: 'Needs sign-in',
        full: 'Needs sign-in',
        waits: true,
        why: toSend || 'The sign-in of this computer has ended.',
        next: 'Everything opens, can be edited and runs here. What waits is sent when you sign in.',
        act: 'sign-in',
      };
    case 'cannot_sync': {
      const { refused } = sync;
      const places =
        refused && refused.paths.length > 0 ? ` It is about ${plural(refused.paths.length, 'place')}.` : '';
      return {
        icon: CloudOff,
        word: 'Cannot sync',
        full: `Cannot sync: ${firstSentence(refused?.reason ?? sync.reason ?? 'the control plane refused it')}`,
        waits: true,
        why: `${refused?.reason ?? sync.reason ?? 'The control plane refused what was sent.'}${places}`,
        next: refused?.next ?? 'Nothing is lost: it stays here, and is sent when the reason is gone.',
        act: 'sync',
      };
    }
    case 'ahead':
    case 'behind':
      if (!reachable) {
        return {
          icon: CloudOff,
          word: 'Saved here',
          full: sync.pending > 0 ? `Saved here, ${sync.pending} to send` : 'Saved here',
          waits: false,
          why: `The control plane cannot be reached. ${toSend}`.trim(),
          next: 'It is tried again by itself. Everything works here meanwhile.',
          act: 'sync',
        };
      }
      return {
        icon: CloudUpload,
        word: 'Syncing',
        full: 'Syncing',
        waits: false,
        why: toSend || 'Changes of others are being fetched.',
        next: 'It takes a moment.',
        act: 'sync',
      };
    default:
      return {
        icon: Cloud,
        word: 'Synced',
        full: `Synced r${sync.revision ?? 0}`,
        waits: false,
        why: `Revision ${sync.revision ?? 0} is here and in the workspace${sync.syncedAt ? `, since ${formatAgo(sync.syncedAt, now)}` : ''}.`,
        next: reachable
          ? 'Changes are sent as you make them.'
          : 'The control plane cannot be reached now; what you change waits here.',
        act: 'sync',
      };
  }
}

function firstSentence(text: string): string {
  const end = text.search(/[.:](\s|$)/);
  return end === -1 ? text : text.slice(0, end);
}
