import { SluiceError } from '#shared/error.ts';
import { isJsonObject, type Json } from '#shared/json.ts';

const LIMITS = { nodes: 200_000, depth: 90, characters: 10_000_000 };
const NAME = /^[\p{L}_][\p{L}\p{N}_.-]*(:[\p{L}_][\p{L}\p{N}_.-]*)?$/u;
// XML has no way to write these.
const FORBIDDEN = /(?![\t\n\r])[\p{Cc}\uFFFE\uFFFF]/u;

/** XML of an object, read as `xmlToJson` writes it. @throws SluiceError data.invalid with the path, limit.exceeded */
export async function jsonToXml(
  data: Json,
  { attributes, pretty }: { attributes: string; pretty: boolean },
): Promise<string> {
  if (!isJsonObject(data)) {
    throw new SluiceError('data.invalid', 'XML can only be made of an object.', {
      advice: 'Give it the name of the root element, for example ={{ { list: $json.list } }}.',
    });
  }
  check(data, attributes);
  const { default: Builder } = await import('fast-xml-builder');
  const builder = new Builder({
    ignoreAttributes: false,
    attributeNamePrefix: attributes,
    textNodeName: '#text',
    suppressBooleanAttributes: false,
    suppressEmptyNode: true,
    format: pretty,
    maxNestedTags: LIMITS.depth + 5,
  });
  return builder.build(data);
}

/** Names become part of the markup, so each must be one. */
function check(data: Json, prefix: string): void {
  let nodes = 0;
  let characters = 0;
  const walk = (value: Json, path: string, depth: number): void => {
    nodes += 1;
    if (nodes > LIMITS.nodes) throw tooMuch('values', LIMITS.nodes);
    if (depth > LIMITS.depth) throw tooMuch('objects inside each other', LIMITS.depth);
    if (typeof value === 'string') {
      characters += value.length;
      if (characters > LIMITS.characters) throw tooMuch('characters', LIMITS.characters);
      if (FORBIDDEN.test(value)) throw invalid(path, 'has a control character, which XML cannot hold');
    } else if (Array.isArray(value)) {
      for (const [index, one] of value.entries()) {
        if (Array.isArray(one)) throw invalid(`${path}[${index}]`, 'is a list in a list, which XML cannot hold');
        walk(one, path, depth + 1);
      }
    } else if (isJsonObject(value)) {
      for (const [key, one] of Object.entries(value)) {
        const inner = path === '' ? key : `${path}.${key}`;
        const isAttribute = key.startsWith(prefix) && NAME.test(key.slice(prefix.length));
        if (key !== '#text' && !isAttribute && !(NAME.test(key) && key !== '__proto__'))
          throw invalid(inner, 'cannot be the name of an element');
        if ((isAttribute || key === '#text') && typeof one === 'object' && one !== null)
          throw invalid(inner, 'is an attribute or text, and has an object or a list');
        walk(one, inner, depth + 1);
      }
    }
  };
  walk(data, '', 0);
}

function invalid(path: string, why: string): SluiceError {
  return new SluiceError('data.invalid', `${path.slice(0, 200)} ${why}.`, {
    advice: 'Rename or leave out the field before, with a set or rename step.',
    details: { field: path.slice(0, 200) },
  });
}

function tooMuch(what: string, limit: number): SluiceError {
  return new SluiceError('limit.exceeded', `There are more than ${limit} ${what} to write as XML.`, {
    advice: 'Write fewer items at once.',
    details: { limit },
  });
}
