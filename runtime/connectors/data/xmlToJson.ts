import { SluiceError } from '#shared/error.ts';
import type { Json } from '#shared/json.ts';

export const XML_LIMIT = 5_000_000;
const DEPTH = 100;

/**
 * XML as plain data: an element with attributes or elements inside is an object, one with text alone a text (with
 * attributes beside it, the text is `#text`), several of one name a list. A DOCTYPE is refused: entities of a
 * document's own make small documents large and reach for files.
 *
 * @throws SluiceError data.invalid with line and column, limit.exceeded
 */
export async function xmlToJson(
  text: string,
  { attributes, lists, typed }: { attributes: string; lists: readonly string[]; typed: boolean },
): Promise<Json> {
  if (/<!(DOCTYPE|ENTITY)/i.test(text)) {
    throw new SluiceError('data.invalid', 'The XML has a DOCTYPE, which is not read.', {
      advice: 'Take the DOCTYPE out, for example with a set step.',
    });
  }
  const { XMLParser, XMLValidator } = await import('fast-xml-parser');
  const checked = XMLValidator.validate(text);
  if (checked !== true) {
    const { msg, line, col } = checked.err;
    throw new SluiceError(
      'data.invalid',
      `The XML is not well-formed at line ${line}, column ${col}: ${msg.slice(0, 200)}`,
      {
        advice: 'Look at where it comes from; a web page, for example, is seldom XML.',
        details: { line, column: col },
      },
    );
  }
  const always = new Set(lists);
  const parser = new XMLParser({
    ignoreAttributes: false,
    attributeNamePrefix: attributes,
    parseTagValue: typed,
    parseAttributeValue: typed,
    numberParseOptions: { hex: false, leadingZeros: false, eNotation: true },
    ignoreDeclaration: true,
    ignorePiTags: true,
    maxNestedTags: DEPTH,
    // Only those that every XML knows and character numbers: there is no DOCTYPE to declare others.
    processEntities: { enabled: true, maxTotalExpansions: XML_LIMIT, maxExpandedLength: XML_LIMIT },
    htmlEntities: true,
    isArray: (name, _path, _leaf, isAttribute) => !isAttribute && always.has(name),
  });
  try {
    return plain(parser.parse(text));
  } catch (thrown) {
    const message = (thrown as Error).message.slice(0, 200);
    if (/nested/i.test(message)) {
      throw new SluiceError('limit.exceeded', `The XML has more than ${DEPTH} elements inside each other.`, {
        advice: 'Take out the part that is needed first.',
        details: { limit: DEPTH },
      });
    }
    throw new SluiceError('data.invalid', `The XML cannot be read: ${message}`, {
      advice: 'Look at where it comes from.',
      cause: thrown,
    });
  }
}

/** Own plain objects of what the library built. */
function plain(value: unknown): Json {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, plain(one)]));
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  return typeof value === 'string' || typeof value === 'boolean' ? value : null;
}
