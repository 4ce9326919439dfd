import type { Letter } from '../platform/mail.ts';

export function verificationLetter({ to, name, url }: { to: string; name: string; url: string }): Letter {
  return {
    to,
    subject: 'Confirm your e-mail address for Sluice',
    text: [
      `Hello ${name.replace(/[\r\n]+/g, ' ')},`,
      '',
      'somebody signed up for Sluice with this address. If that was you, confirm it here:',
      '',
      url,
      '',
      'The link is good for one day and once. If it was not you, leave it: nothing happens without it.',
    ].join('\n'),
  };
}

export function existingLetter({ to, url }: { to: string; url: string }): Letter {
  return {
    to,
    subject: 'You already have a Sluice account',
    text: [
      'Hello,',
      '',
      'somebody tried to sign up for Sluice with this address, which has an account already. If that was you, sign in:',
      '',
      url,
      '',
      'If it was not you, there is nothing to do: nothing was changed.',
    ].join('\n'),
  };
}
