import { letterOf } from '../platform/letter.ts';
import type { Letter } from '../platform/mail.ts';

const day = (at: Date) => at.toISOString().slice(0, 10);

export function invitationLetter(about: {
  to: string;
  workspace: string;
  invitedBy: string;
  role: string;
  url: string;
  expiresAt: Date;
}): Letter {
  const { to, workspace, invitedBy, role, url, expiresAt } = about;
  const article = role === 'admin' || role === 'editor' ? 'an' : 'a';
  return letterOf({
    to,
    subject: `${invitedBy} invites you to “${workspace}” on Sluice`,
    before: [
      `${invitedBy} asks you to join the workspace “${workspace}” as ${article} ${role}.`,
      `To accept, sign in to Sluice with this address (${to}), or create an account with it.`,
    ],
    link: { label: 'Look at the invitation', url },
    after: [
      `The invitation is good until ${day(expiresAt)}. If you do not know who this is, leave it: nothing happens without you.`,
    ],
  });
}

export function removedLetter({ to, name, workspace }: { to: string; name: string; workspace: string }): Letter {
  return letterOf({
    to,
    subject: `You are no longer a member of “${workspace}”`,
    name,
    before: [
      `your membership of the workspace “${workspace}” was ended by somebody who manages its members.`,
      'What you have on your own computer stays there. It is no longer synced with this workspace.',
    ],
  });
}

export function deletedLetter(about: {
  to: string;
  name: string;
  workspace: string;
  by: string;
  purgeAfter: Date;
}): Letter {
  const { to, name, workspace, by, purgeAfter } = about;
  return letterOf({
    to,
    subject: `The workspace “${workspace}” was deleted`,
    name,
    before: [
      `${by} deleted the workspace “${workspace}”. Everything in it has stopped, and nobody reaches it any more.`,
      `An owner can bring it back until ${day(purgeAfter)}: sign in, open the list of workspaces, and choose it below “Deleted”. After that day it is gone for good.`,
    ],
  });
}

export function transferredLetter(about: { to: string; name: string; workspace: string; by: string }): Letter {
  const { to, name, workspace, by } = about;
  return letterOf({
    to,
    subject: `You are the owner of “${workspace}” now`,
    name,
    before: [
      `${by} gave the workspace “${workspace}” to you. You may do everything in it, and its plan is yours to choose and pay.`,
    ],
  });
}
