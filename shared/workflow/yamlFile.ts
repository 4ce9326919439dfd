import {
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  type ParsedNode,
  parseDocument,
  type Scalar,
  type YAMLMap,
} from 'yaml';
import { isJsonObject, type Json, type JsonObject } from '../json.ts';
import { type LineIndex, lineIndex } from './lineIndex.ts';
import { storable } from './plainData.ts';
import { offsetInScalar } from './scalarOffset.ts';
import { beginOf, yamlWords } from './yamlFaults.ts';

const MAX_TEXT = 1_000_000;
const MAX_DEPTH = 64;
const MAX_NODES = 200_000;
const MAX_ALIASES = 100;

/** A place in a file's data: field names and list positions from the root. */
export type YamlPath = readonly (string | number)[];

/** Something wrong with the text itself. `offset` is in UTF-16 units. */
export type YamlFault = {
  offset: number;
  severity: 'error' | 'warning';
  code: string;
  message: string;
  advice: string;
};

/** A file's text with what it says and where it says it. */
export type YamlFile = {
  text: string;
  lines: LineIndex;
  root: ParsedNode | null;
  /** What the file says; undefined where `faults` holds an error. */
  data: Json | undefined;
  faults: YamlFault[];
  /** The offset of a value, or of its field's name; of the nearest parent where the path is not in the file. */
  offsetOf(path: YamlPath, part?: 'key' | 'value', within?: number): number;
};

/**
 * Reads YAML as plain data, without trust: no tags, no duplicate keys, limits on size, depth, nodes and aliases.
 *
 * @param textual a JSON Schema of the data, or how to get it from a first reading; where it says `type: string`, a plain
 *   scalar is taken as it is written, so that `1.10` stays `1.10`
 */
export function readYaml(text: string, textual: JsonObject | ((first: Json) => JsonObject) = {}): YamlFile {
  const lines = lineIndex(text);
  const faults: YamlFault[] = [];
  const unread: YamlFile = { text, lines, root: null, data: undefined, faults, offsetOf: () => 0 };
  const fault = (offset: number, code: string, message: string, advice: string) =>
    faults.push({ offset, severity: 'error', code, message, advice });
  if (text.length > MAX_TEXT) {
    fault(
      0,
      'file.too_large',
      `The file has ${text.length} characters; at most 1 MB is read.`,
      'Split the workflow in two.',
    );
    return unread;
  }
  const marker = /^(?:<{7}|>{7})(?: |\r?$)/m.exec(text);
  if (marker) {
    const advice = 'Finish the merge: keep one of the two sides and take the marker lines out.';
    fault(marker.index, 'file.merge_markers', 'The file has conflict markers of Git in it.', advice);
    return unread;
  }
  const doc = parseDocument(text, {
    schema: 'core',
    version: '1.2',
    stringKeys: true,
    uniqueKeys: false,
    resolveKnownTags: false,
    keepSourceTokens: true,
    prettyErrors: false,
    logLevel: 'error', // 'silent' would hide a second document
  });
  // What else the parser says of a file that is too deep follows from that.
  const tooDeep = doc.errors.find(({ code }) => code === 'RESOURCE_EXHAUSTION');
  for (const error of tooDeep ? [tooDeep] : [...doc.errors, ...doc.warnings].slice(0, 20)) {
    const exhausted = error === tooDeep;
    fault(
      Math.min(beginOf(text, error, doc) ?? error.pos[0], text.length),
      exhausted ? 'file.too_deep' : 'file.syntax',
      exhausted ? `Values are nested deeper than ${MAX_DEPTH} levels.` : `This is not valid YAML: ${yamlWords(error)}.`,
      exhausted ? 'Make the data flatter.' : 'Correct the line. Nothing is written to this file until it can be read.',
    );
  }
  if (faults.length > 0) return unread;
  const root = doc.contents as ParsedNode | null;
  const schema = typeof textual === 'function' ? textual(toData(root, {}, [])) : textual;
  const data = toData(root, schema, faults);
  return {
    text,
    lines,
    root,
    data: faults.some((found) => found.severity === 'error') ? undefined : data,
    faults,
    offsetOf: (path, part = 'value', within = 0) => offsetOf(text, root, path, part, within),
  };
}

/** The pair of a map that has this key. */
export function pairOf(map: YAMLMap, key: string): Pair<ParsedNode, ParsedNode | null> | undefined {
  return map.items.find((pair) => isPair(pair) && isScalar(pair.key) && pair.key.value === key) as
    | Pair<ParsedNode, ParsedNode | null>
    | undefined;
}

function offsetOf(
  text: string,
  root: ParsedNode | null,
  path: YamlPath,
  part: 'key' | 'value',
  within: number,
): number {
  let node: Node | null | undefined = root;
  let offset = root?.range?.[0] ?? 0;
  for (let i = 0; i < path.length; i++) {
    const key = path[i] as string | number;
    const last = i === path.length - 1;
    if (isMap(node)) {
      const pair = pairOf(node, String(key));
      if (!pair) return offset;
      offset = pair.key.range[0];
      if (last && part === 'key') return offset;
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(key)] as Node | undefined;
    } else return offset;
    if (!node?.range) return offset;
    if (last || !isMap(node)) offset = node.range[0];
  }
  return isScalar(node) ? offsetInScalar(text, node as Scalar.Parsed, within) : offset;
}

function toData(root: ParsedNode | null, textual: JsonObject, faults: YamlFault[]): Json {
  const anchors = new Map<string, Node>();
  const open = new Set<Node>();
  let nodes = 0;
  let aliases = 0;
  const fault = (
    node: Node,
    code: string,
    message: string,
    advice: string,
    severity: 'error' | 'warning' = 'error',
  ) => {
    if (faults.length < 20) faults.push({ offset: node.range?.[0] ?? 0, severity, code, message, advice });
    return null;
  };

  function walk(node: Node | null, schema: Json | undefined, depth: number): Json {
    if (!node) return null;
    if (++nodes > MAX_NODES) {
      if (nodes > MAX_NODES + 1) return null;
      return fault(
        node,
        'file.too_large',
        `The file holds more than ${MAX_NODES} values.`,
        'Take data or aliases out.',
      );
    }
    if (depth > MAX_DEPTH) {
      return fault(
        node,
        'file.too_deep',
        `Values are nested deeper than ${MAX_DEPTH} levels.`,
        'Make the data flatter.',
      );
    }
    if (isAlias(node)) {
      const target = anchors.get(node.source);
      if (!target)
        return fault(node, 'file.syntax', `There is no anchor &${node.source} before this.`, 'Write the value out.');
      if (open.has(target)) {
        return fault(node, 'file.syntax', `*${node.source} stands inside of what it names.`, 'Write the value out.');
      }
      if (++aliases > MAX_ALIASES) {
        return fault(node, 'file.too_large', `The file has more than ${MAX_ALIASES} aliases.`, 'Write the values out.');
      }
      return walk(target, schema, depth);
    }
    const { anchor } = node as ParsedNode & { anchor?: string };
    if (anchor !== undefined) anchors.set(anchor, node);
    if (isScalar(node)) return scalarData(node as Scalar.Parsed, schema, fault);
    open.add(node);
    let data: Json = null;
    if (isSeq(node)) {
      const items = isJsonObject(schema) ? schema.items : undefined;
      data = node.items.map((item) => walk(item as Node, items, depth + 1));
    } else if (isMap(node)) {
      const map: JsonObject = Object.create(null) as JsonObject;
      for (const pair of node.items) {
        const key = String((pair.key as Scalar).value);
        if (Object.hasOwn(map, key)) {
          fault(pair.key as Node, 'file.duplicate_key', `"${key}" stands here twice.`, 'Take one of the two out.');
        } else if (key === '__proto__' || key.length > 1000 || !storable(key)) {
          fault(pair.key as Node, 'file.syntax', 'This name of a field is not allowed.', 'Choose another name.');
        } else map[key] = walk(pair.value as Node | null, childSchema(schema, key), depth + 1);
      }
      data = map;
    }
    open.delete(node);
    return data;
  }
  return walk(root, textual, 0);
}

type Report = (node: Node, code: string, message: string, advice: string, severity?: 'error' | 'warning') => null;

function scalarData(node: Scalar.Parsed, schema: Json | undefined, fault: Report): Json {
  const { value, source } = node;
  if (typeof value === 'string') {
    if (storable(value)) return value;
    return fault(
      node,
      'file.syntax',
      'The text holds a character that cannot be stored.',
      'Take U+0000 and half surrogates out.',
    );
  }
  if (value === null || value === undefined) return null;
  if (isJsonObject(schema) && schema.type === 'string') return source;
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) {
      fault(
        node,
        'value.not_finite',
        `${source} is not a JSON number; it is read as null.`,
        'Write a number or null.',
        'warning',
      );
      return null;
    }
    if (
      Number.isInteger(value) &&
      /^[-+]?\d+$/.test(source) &&
      !Number.isSafeInteger(value) &&
      String(value) !== source
    ) {
      fault(
        node,
        'value.too_big',
        `${source} is too big to stay exact; it is read as text.`,
        'Put it in quotes.',
        'warning',
      );
      return source;
    }
    return Object.is(value, -0) ? 0 : value;
  }
  return typeof value === 'boolean'
    ? value
    : fault(node, 'file.syntax', 'This is not plain data.', 'Write text, a number or a list.');
}

/** The schema of a field, as far as `type: string` is concerned. */
function childSchema(schema: Json | undefined, key: string): Json | undefined {
  if (!isJsonObject(schema)) return undefined;
  const { properties, additionalProperties } = schema;
  if (isJsonObject(properties) && Object.hasOwn(properties, key)) return properties[key];
  return additionalProperties;
}
