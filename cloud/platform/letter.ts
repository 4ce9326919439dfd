import { type Html, html } from '#shared/html.ts';
import type { Letter } from './mail.ts';

/** What a letter says, part by part. Both of its forms are made from this, so neither says more than the other. */
export type LetterParts = {
  to: string;
  subject: string;
  /** The person, where we know their name. */
  name?: string;
  /** Before the link. */
  before: string[];
  link?: { label: string; url: string };
  /** After the link: for how long it is good, and what to do if it was not you. */
  after?: string[];
};

const WIDTH = 100;

/** A letter as plain text and as HTML. */
export function letterOf({ to, subject, name, before, link, after = [] }: LetterParts): Letter {
  const greeting = name === undefined ? 'Hello,' : `Hello ${oneLine(name)},`;
  const paragraphs = [greeting, ...before.map(oneLine)];
  const text = [...paragraphs.map(wrapped), ...(link ? [link.url] : []), ...after.map(oneLine).map(wrapped)];
  const body = html`${paragraphs.map(paragraph)}
${
  link &&
  html`<p style="margin:24px 0"><a href="${link.url}" style="${BUTTON}">${link.label}</a></p>
<p style="${SMALL}">Or copy this address: ${link.url}</p>`
}
${after.map(oneLine).map(paragraph)}`;
  return { to, subject: oneLine(subject), text: text.join('\n\n'), html: frame(subject, body) };
}

/** The HTML part of a letter that was only written as text: its paragraphs, with its addresses as links. */
export function htmlOfText(subject: string, text: string): string {
  const linked = (line: string): Html =>
    html`${line.split(/(https?:\/\/\S+)/).map((part, n) => (n % 2 ? html`<a href="${part}">${part}</a>` : html`${part}`))}`;
  const paragraphs = text
    .split(/\n\n+/)
    .map((one) => html`<p style="${PARAGRAPH}">${linked(one.replace(/\n/g, ' '))}</p>\n`);
  return frame(subject, html`${paragraphs}`);
}

/** A name cannot add lines of its own to a letter. */
export const oneLine = (text: string) => text.replace(/[\r\n\u2028\u2029]+/g, ' ');

const PARAGRAPH = 'margin:0 0 14px';
const SMALL = 'margin:0 0 14px;font-size:13px;color:#5c6270;overflow-wrap:anywhere';
const BUTTON =
  'display:inline-block;padding:10px 18px;border-radius:6px;background:#1f5fe0;color:#ffffff;font-weight:600;text-decoration:none';

const paragraph = (text: string) => html`<p style="${PARAGRAPH}">${text}</p>\n`;

/** No picture, no script, no font from elsewhere: opening it tells nobody. */
function frame(title: string, body: Html): string {
  return `<!doctype html>\n${
    html`<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
</head>
<body style="margin:0;padding:24px 16px;font:15px/22px system-ui,sans-serif">
<div style="max-width:520px;margin:0 auto">
<p style="margin:0 0 20px;font-weight:650">Sluice</p>
${body}
</div>
</body>
</html>
`.markup
  }`;
}

function wrapped(paragraph: string): string {
  const lines = [''];
  for (const word of paragraph.split(' ')) {
    const line = lines.at(-1) ?? '';
    if (line !== '' && line.length + 1 + word.length > WIDTH) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines.join('\n');
}
