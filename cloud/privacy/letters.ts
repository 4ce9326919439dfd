import { letterOf } from '../platform/letter.ts';
import type { Letter } from '../platform/mail.ts';

export function leavingLetter(about: {
  to: string;
  name: string;
  url: string;
  eraseAfter: Date;
  workspaces: string[];
}): Letter {
  const { to, name, url, eraseAfter, workspaces } = about;
  const listed = workspaces.map((workspace) => `“${workspace}”`).join(', ');
  return letterOf({
    to,
    subject: 'Your Sluice account is being deleted',
    name,
    before: [
      'you asked us to delete your account. You are signed out everywhere.',
      ...(listed ? [`These workspaces, to which nobody else belongs, are deleted with it: ${listed}.`] : []),
      `On ${eraseAfter.toISOString().slice(0, 10)} everything that names you is erased. Until then you can take it back:`,
    ],
    link: { label: 'Keep my account', url },
    after: ['If it was not you who asked, keep the account with this link and set another password at once.'],
  });
}

export function erasedLetter({ to, name }: { to: string; name: string }): Letter {
  return letterOf({
    to,
    subject: 'Your Sluice account is gone',
    name,
    before: [
      'your account and everything that named you is erased, as you asked. This is the last letter from us.',
      'What you made in workspaces of others belongs to them and stays there, without your name.',
    ],
  });
}
