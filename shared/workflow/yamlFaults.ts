import { type Document, visit } from 'yaml';

/** Where that begins which is not closed: the parser only notices at its end, many lines on. */
export function beginOf(
  text: string,
  { pos, message }: { pos: [number, number]; message: string },
  doc: Document.Parsed,
): number | undefined {
  if (!/closing ["']quote|end with/.test(message)) return undefined;
  let begin: number | undefined;
  const look = (node: { range?: [number, number, number] | null; flow?: boolean; type?: string }) => {
    const closed = node.flow && '}]'.includes(text[(node.range?.[1] ?? 0) - 1] ?? ' ');
    const unclosed = (node.flow && !closed) || node.type === 'QUOTE_SINGLE' || node.type === 'QUOTE_DOUBLE';
    if (unclosed && node.range && node.range[0] <= pos[0] && pos[0] <= node.range[2]) begin = node.range[0];
  };
  visit(doc, {
    Scalar: (_key, node) => look(node as Parameters<typeof look>[0]),
    Collection: (_key, node) => look(node as Parameters<typeof look>[0]),
  });
  return begin;
}

/** What a parser's complaint means, for somebody who does not know its words. */
export function yamlWords({ code, message }: { code: string; message: string }): string {
  const closing = /\b(?:end with|Expected .* to end with) (?:an? )?([\]}"'])/.exec(message)?.[1];
  if (closing !== undefined) return `what begins here is not closed by a ${closing}`;
  if (code === 'TAB_AS_INDENT') return 'the line begins with a tab; YAML is indented with spaces';
  if (code === 'BAD_INDENT' || /same column/.test(message))
    return 'the line is not indented like the lines that belong with it';
  if (code === 'MULTILINE_IMPLICIT_KEY') return 'a name must stand on one line, with a colon and a space after it';
  if (code === 'BLOCK_AS_IMPLICIT_KEY') return 'there is a second colon in the line; put the text in quotes';
  if (code === 'BAD_SCALAR_START') return 'a text that begins with this character needs quotes';
  if (/followed by map values/.test(message)) return 'a name needs a colon after it, then a space and its value';
  if (/block-seq-ind/.test(message)) return 'entries of a list and named fields do not stand side by side';
  if (/closing "quote|closing 'quote/.test(message)) return 'the text that begins here is not closed by a quote';
  return message.replace(/\.$/, '');
}
