import type { ChildNode, Document } from 'domhandler';
import { SluiceError } from '#shared/error.ts';
import { isElement, parseHtml } from './htmlTree.ts';

const LIMITS = { characters: 1_000_000, nodes: 20_000, depth: 100 };
/** Texts are looked at once for every element around them. */
const MOST_WORK = 20_000_000;
const MOST_ATTRIBUTE = 2_000;
const KEPT = new Set(['href', 'src', 'alt', 'title', 'class', 'start', 'align', 'colspan']);
const DROPPED = new Set([
  'script',
  'style',
  'noscript',
  'template',
  'iframe',
  'object',
  'embed',
  'svg',
  'math',
  'head',
]);

/** Markdown of a page, without its scripts and styles. @throws SluiceError limit.exceeded */
export async function htmlToMarkdown(html: string): Promise<string> {
  const page = await parseHtml(html, LIMITS);
  clean(page);
  const [{ DomUtils }, { default: Turndown }] = await Promise.all([import('htmlparser2'), import('turndown')]);
  // The second reader gets what the first one wrote: whole elements, properly inside each other.
  const turndown = new Turndown({ headingStyle: 'atx', codeBlockStyle: 'fenced', bulletListMarker: '-', hr: '---' });
  return turndown.turndown(DomUtils.getOuterHTML(page.children));
}

/** Leaves what Markdown can say, in short pieces, and counts how much work it is. */
function clean(page: Document): void {
  let work = 0;
  const walk = (nodes: ChildNode[], depth: number, verbatim: boolean): ChildNode[] =>
    nodes.filter((node) => {
      if (node.type === 'text' && 'data' in node) {
        if (!verbatim) node.data = node.data.replace(/\s+/g, ' ');
        work += (node.data.length + 50) * depth;
        if (work > MOST_WORK) {
          throw new SluiceError('limit.exceeded', 'The page has too much text inside too many elements.', {
            advice: 'Work on a part of it.',
            details: { limit: MOST_WORK },
          });
        }
        return true;
      }
      if (!isElement(node) || DROPPED.has(node.name)) return false;
      node.attribs = Object.fromEntries(
        Object.entries(node.attribs)
          .filter(([name]) => KEPT.has(name))
          .map(([name, value]) => [name, value.slice(0, MOST_ATTRIBUTE).replace(/\s+/g, ' ').trim()]),
      );
      node.children = walk(node.children, depth + 1, verbatim || node.name === 'pre');
      return true;
    });
  page.children = walk(page.children, 1, false);
}
