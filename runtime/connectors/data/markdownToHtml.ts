import { SluiceError } from '#shared/error.ts';

/** Marks of one paragraph, squared, over all paragraphs: what emphasis and links cost the reader at most. */
const MOST_WORK = 8_000_000;
const MOST_LEVELS = 50;

/**
 * HTML of Markdown (as GitHub writes it). HTML in it is escaped or removed, and addresses of links and pictures may only
 * be those of the web, of mail and of telephones, or relative.
 *
 * @throws SluiceError limit.exceeded
 */
export async function markdownToHtml(
  text: string,
  { lineBreaks, rawHtml }: { lineBreaks: boolean; rawHtml: 'escape' | 'remove' },
): Promise<string> {
  checkWork(text);
  const { Marked } = await import('marked');
  const marked = new Marked({ gfm: true, breaks: lineBreaks });
  marked.use({
    walkTokens(token) {
      if ((token.type === 'link' || token.type === 'image') && !isHarmless(token.href)) token.href = '';
    },
    renderer: { html: ({ text: raw }) => (rawHtml === 'remove' ? '' : escaped(raw)) },
  });
  return marked.parse(text, { async: false });
}

/** An address that opens nothing but a page, a mail or a call. Spaces and control characters could hide a scheme. */
function isHarmless(href: string): boolean {
  const bare = href.replace(/[\p{Cc}\s]/gu, '');
  // A browser would read a scheme that is written in character references.
  if (/^[^/?]*&(#|colon|tab|newline)/i.test(bare)) return false;
  const scheme = /^([^/?#:]*):/.exec(bare)?.[1];
  return scheme === undefined || /^(https?|mailto|tel)$/i.test(scheme);
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

/**
 * Refuses what would keep the reader busy for long: it compares the marks of a paragraph with each other. Those of tables
 * are not among them, so that a long table without empty lines is no long paragraph.
 */
function checkWork(text: string): void {
  let work = 0;
  let marks = 0;
  for (const line of text.split('\n')) {
    if (line.trim() === '') marks = 0;
    const prefix = /^[\s>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+|>[ \t]?)*/.exec(line)?.[0] ?? '';
    const levels = prefix.replace(/[ \t]{2,}/g, '>').replace(/\s/g, '').length;
    if (levels > MOST_LEVELS && prefix.trim() !== '') throw tooMuch('nests too deeply');
    const here = line.match(/[*_~!@<`[]/g)?.length ?? 0;
    work += (marks + here) ** 2 - marks ** 2;
    marks += here;
    if (work > MOST_WORK) throw tooMuch('has too many marks in one paragraph');
  }
}

function tooMuch(why: string): SluiceError {
  return new SluiceError('limit.exceeded', `The Markdown ${why}.`, {
    advice: 'Put empty lines between its paragraphs, or split the text.',
  });
}
