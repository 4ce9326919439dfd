import { domainToASCII } from 'node:url';
import { SluiceError } from '#shared/error.ts';

export type MailAddress = { name: string; address: string };

/**
 * `robin@example.com` or `Robin <robin@example.com>`. Stricter than the standard: no comments, no quoted mailbox, no
 * routes, nothing that could begin another header or add another recipient.
 *
 * @throws SluiceError config.invalid
 */
export function mailAddress(text: string, what: string): MailAddress {
  const found = /^(?:\s*"?([^"<>\p{Cc}]*?)"?\s*<([^<>\s]+)>|\s*([^<>\s]+))\s*$/u.exec(text);
  const address = found?.[2] ?? found?.[3] ?? '';
  const [, mailbox = '', domain = ''] = /^([^@]+)@([^@]+)$/.exec(address) ?? [];
  const ascii = domainToASCII(domain);
  const fits =
    /^[^\s"(),:;<>@[\\\]\p{Cc}\p{Cf}]{1,64}$/u.test(mailbox) &&
    !/^\.|\.\.|\.$/.test(mailbox) &&
    /^(?=.{1,253}$)([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/.test(
      ascii,
    );
  if (fits && text.length <= 400) return { name: found?.[1]?.trim() ?? '', address: `${mailbox}@${ascii}` };
  throw new SluiceError('config.invalid', `${what}: '${shown(text)}' is not a mail address.`, {
    advice: 'Write robin@example.com, or Robin <robin@example.com>.',
    details: { field: what },
  });
}

/** Addresses of a list, or of a text with commas between them; names may not hold commas then. */
export function mailAddresses(given: string | readonly string[] | undefined, what: string): MailAddress[] {
  const texts = typeof given === 'string' ? given.split(',') : (given ?? []);
  return texts.filter((text) => text.trim() !== '').map((text) => mailAddress(text, what));
}

/** One line of a header. @throws SluiceError config.invalid */
export function headerText(text: string, what: string, most: number): string {
  if (text.length > most) {
    throw new SluiceError('limit.exceeded', `${what} has ${text.length} characters; ${most} are allowed.`, {
      advice: 'Shorten it.',
      details: { limit: most, field: what },
    });
  }
  if (/\p{Cc}/u.test(text)) {
    throw new SluiceError('config.invalid', `${what} holds a line break or another control character.`, {
      advice: 'Give a text of one line.',
      details: { field: what },
    });
  }
  return text;
}

function shown(text: string): string {
  const line = text.replace(/\p{Cc}/gu, '·');
  return line.length > 80 ? `${line.slice(0, 79)}…` : line;
}
