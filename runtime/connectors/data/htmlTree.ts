import type { ChildNode, Document, Element, ParentNode } from 'domhandler';
import { SluiceError } from '#shared/error.ts';

/** What a page may be. Its depth is bounded since every reader of it goes down by calling itself. */
export const HTML_LIMITS = { characters: 5_000_000, nodes: 200_000, depth: 250 };

type Limits = typeof HTML_LIMITS;

/** A page as a tree. Nothing of it is loaded or run. @throws SluiceError limit.exceeded */
export async function parseHtml(html: string, limits: Limits = HTML_LIMITS): Promise<Document> {
  if (html.length > limits.characters) throw tooMuch('characters', limits.characters);
  const { DomHandler, Parser } = await import('htmlparser2');
  let nodes = 0;
  let depth = 0;
  const handler = new DomHandler();
  const counted = (count: number) => {
    nodes += count;
    if (nodes > limits.nodes) throw tooMuch('elements and texts', limits.nodes);
  };
  const parser = new Parser({
    onparserinit: (made) => handler.onparserinit(made),
    onreset: () => handler.onreset(),
    onend: () => handler.onend(),
    onerror: (error) => handler.onerror(error),
    onopentag(name, attributes) {
      counted(1 + Object.keys(attributes).length / 10);
      depth += 1;
      if (depth > limits.depth) throw tooMuch('elements inside each other', limits.depth);
      handler.onopentag(name, attributes);
    },
    onclosetag() {
      depth -= 1;
      handler.onclosetag();
    },
    ontext(text) {
      counted(0.1);
      handler.ontext(text);
    },
    oncdatastart: () => handler.oncdatastart(),
    oncdataend: () => handler.oncdataend(),
  });
  parser.end(html);
  return handler.root;
}

/** Whether a node is an element; the reader of pages tells scripts and styles from others, here they are elements too. */
export function isElement(node: ChildNode | ParentNode | null): node is Element {
  return node !== null && 'name' in node && 'attribs' in node;
}

const HIDDEN = new Set(['script', 'style', 'noscript', 'template', 'head', 'iframe', 'object', 'svg', 'math']);
const BLOCKS = new Set(
  (
    'address article aside blockquote body caption dd details dialog div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 ' +
    'header hr html li main menu nav ol option p pre section select summary table tbody tfoot thead tr ul'
  ).split(' '),
);
const APART = new Set('blockquote dl figure h1 h2 h3 h4 h5 h6 ol p pre table ul'.split(' '));

/** What a person reads on a page: a line for each block, an empty line between paragraphs, no scripts and styles. */
export function readableText(nodes: readonly ChildNode[]): string {
  const parts: string[] = [];
  // Line breaks that are due before the next text: those of neighbouring blocks fall together.
  let due = 0;
  const write = (text: string): void => {
    if (due > 0 && parts.length > 0) parts.push('\n'.repeat(due));
    due = 0;
    parts.push(text);
  };
  const walk = (node: ChildNode, verbatim: boolean): void => {
    if (node.type === 'text' && 'data' in node) {
      const text = verbatim ? node.data : node.data.replace(/\s+/g, ' ');
      if (text !== '' && (text !== ' ' || (due === 0 && parts.length > 0))) write(text);
      return;
    }
    if (!('children' in node)) return;
    const name = isElement(node) ? node.name : '';
    if (HIDDEN.has(name)) return;
    if (name === 'br') write('\n');
    const edge = APART.has(name) ? 2 : BLOCKS.has(name) ? 1 : 0;
    due = Math.max(due, edge);
    if (name === 'li') write('- ');
    for (const child of node.children) walk(child, verbatim || name === 'pre' || name === 'textarea');
    if ((name === 'td' || name === 'th') && due === 0) parts.push(' ');
    due = Math.max(due, edge);
  };
  for (const node of nodes) walk(node, false);
  return parts
    .join('')
    .split('\n')
    .map((line) => line.trimEnd().replace(/^ (?=\S)/, ''))
    .join('\n')
    .trim();
}

function tooMuch(what: string, limit: number): SluiceError {
  return new SluiceError('limit.exceeded', `The page has more than ${limit} ${what}.`, {
    advice: 'Work on a part of it, or ask its service for the data itself.',
    details: { limit },
  });
}
