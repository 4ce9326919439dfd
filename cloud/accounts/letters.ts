import type { Plan } from '#shared/plan.ts';
import type { Letter } from '../platform/mail.ts';

/** A name cannot add lines of its own to a letter. */
const oneLine = (name: string) => name.replace(/[\r\n]+/g, ' ');

export function verificationLetter({ to, name, url }: { to: string; name: string; url: string }): Letter {
  return {
    to,
    subject: 'Confirm your e-mail address for Sluice',
    text: [
      `Hello ${oneLine(name)},`,
      '',
      'somebody signed up for Sluice with this address. If that was you, confirm it here:',
      '',
      url,
      '',
      'The link is good for one day and once. If it was not you, leave it: nothing happens without it.',
    ].join('\n'),
  };
}

export function resetLetter({ to, name, url }: { to: string; name: string; url: string }): Letter {
  return {
    to,
    subject: 'Set a new password for Sluice',
    text: [
      `Hello ${oneLine(name)},`,
      '',
      'somebody asked for a new password for the Sluice account with this address. If that was you, set it here:',
      '',
      url,
      '',
      'The link is good for one day and once. It signs you out everywhere. If it was not you, leave it: your password stays',
      'as it is.',
    ].join('\n'),
  };
}

export function passwordChangedLetter({ to, name, url }: { to: string; name: string; url: string }): Letter {
  return {
    to,
    subject: 'Your Sluice password was changed',
    text: [
      `Hello ${oneLine(name)},`,
      '',
      'the password of your Sluice account was changed, and other devices were signed out. If that was you, there is nothing',
      'to do. If it was not, set another one at once:',
      '',
      url,
    ].join('\n'),
  };
}

export function secondFactorLetter({ to, name, what }: { to: string; name: string; what: string }): Letter {
  return {
    to,
    subject: 'The second factor of your Sluice account',
    text: [
      `Hello ${oneLine(name)},`,
      '',
      `${what} If that was you, there is nothing to do. If it was not, set another password at once and look through the list`,
      'of your sign-ins.',
    ].join('\n'),
  };
}

/** What a letter says of a sign-in: its device and address, and where to look at it. */
type SignInNotice = { to: string; name: string; device: string; ip: string; at: Date; url: string };

export function strangeSignInLetter({ to, name, device, ip, at, url }: SignInNotice): Letter {
  return {
    to,
    subject: 'A new sign-in to your Sluice account',
    text: [
      `Hello ${oneLine(name)},`,
      '',
      `somebody signed in to your account on ${oneLine(device)}, from the address ${ip}, at ${at.toISOString()}. Neither was seen`,
      'with your account before. If that was you, there is nothing to do. If it was not, end that sign-in and set another',
      'password at once:',
      '',
      url,
    ].join('\n'),
  };
}

export function copiedSignInLetter({ to, name, device, ip, at, url }: SignInNotice): Letter {
  return {
    to,
    subject: 'A sign-in to your Sluice account was ended, because it may have been copied',
    text: [
      `Hello ${oneLine(name)},`,
      '',
      `a key of your sign-in on ${oneLine(device)} was used a second time, from the address ${ip}, at ${at.toISOString()}. Each is`,
      'used once, so somebody else may hold a copy. That sign-in was ended for everybody: sign in on that device again. Work on',
      'it stays, and is sent then.',
      '',
      'If that happens again, or you do not know the address, set another password and look through your sign-ins:',
      '',
      url,
    ].join('\n'),
  };
}

export function signedOutLetter(about: { to: string; name: string; names: string[]; plan: Plan; url: string }): Letter {
  const { to, name, names, plan, url } = about;
  return {
    to,
    subject: 'You were signed out on a device',
    text: [
      `Hello ${oneLine(name)},`,
      '',
      `you signed in once more, and the ${plan.name} plan has room for ${plan.sessionsAtOnce} sign-ins at once. So the oldest ended:`,
      ...names.map((one) => `- ${oneLine(one)}`),
      '',
      'Work on that device stays, and is sent when it is signed in again. Your sign-ins are here:',
      '',
      url,
    ].join('\n'),
  };
}

export function connectedLetter(about: { to: string; name: string; title: string; url: string }): Letter {
  const { to, name, title, url } = about;
  return {
    to,
    subject: `${title} was connected to your Sluice account`,
    text: [
      `Hello ${oneLine(name)},`,
      '',
      `from now on an account of ${title} signs you in to Sluice. If you connected it, there is nothing to do. If it was not`,
      'you, disconnect it and set another password at once:',
      '',
      url,
    ].join('\n'),
  };
}

export function beingDeletedLetter({ to, name }: { to: string; name: string }): Letter {
  return {
    to,
    subject: 'Your Sluice account is still being deleted',
    text: [
      `Hello ${oneLine(name)},`,
      '',
      'somebody tried to sign up for Sluice with this address, or to set a password. Its account is being deleted, and the',
      'address is not free until that is done. To keep the account, open the link in the letter that we sent when you asked for',
      'it to be deleted.',
      '',
      'If it was not you, there is nothing to do: nothing was changed.',
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
