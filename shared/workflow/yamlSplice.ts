import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Pair,
  type ParsedNode,
  type Scalar,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import { isJsonObject, type Json, type JsonObject } from '../json.ts';
import { type BlockRule, flowText, itemLines, keyText, pairLines, quoted, singleQuoted, yamlText } from './yamlEmit.ts';
import { pairOf, type YamlFile, type YamlPath } from './yamlFile.ts';

/** What a kind of file knows about its data beyond what JSON says. */
export type FileShape = {
  block: BlockRule;
  /** The order of fields in the map at this path; new ones are put in their place, unknown ones last. */
  order?(path: YamlPath): readonly string[] | undefined;
  /** Whether a field that is to be absent may stay, because it only says the default. */
  redundant?(path: YamlPath, value: Json): boolean;
  /** Whether two list entries or values that are written differently mean the same. */
  same?(path: YamlPath, a: Json, b: Json): boolean;
};

type Splice = { start: number; end: number; put: string };
type ParsedPair = Pair<ParsedNode, ParsedNode | null>;

/** Thrown inside where a change cannot be made with small splices; a wider one is tried then. */
class Wider extends Error {}

/**
 * The text of a file with its data changed to `want`, everything else kept as it was: comments, quotes, order, line
 * ends. Tries to touch only the changed fields; where that does not give what is wanted, their parents, and at last the
 * whole file.
 *
 * @param isRight reads a text again and says whether it means what is wanted
 * @returns undefined where not even a fresh file is right, which is a bug of the writer
 */
export function spliceYaml(
  file: YamlFile,
  want: JsonObject,
  shape: FileShape,
  isRight: (text: string) => boolean,
): string | undefined {
  for (const depth of [Number.POSITIVE_INFINITY, 2, 1]) {
    const text = attempt(file, want, shape, depth);
    if (text !== undefined && isRight(text)) return text;
  }
  const eol = file.text.includes('\r\n') ? '\r\n' : '\n';
  // A file that holds nothing but comments keeps them.
  const head = file.root === null && file.text !== '' && !file.text.endsWith('\n') ? file.text + eol : file.text;
  const body = yamlText(want, shape.block).replaceAll('\n', eol);
  const fresh = file.root === null ? head + body : body;
  return isRight(fresh) ? fresh : undefined;
}

function attempt(file: YamlFile, want: JsonObject, shape: FileShape, maxDepth: number): string | undefined {
  if (!isMap(file.root) || !isJsonObject(file.data)) return undefined;
  try {
    const splices = createSplicer(file.text, shape, maxDepth).map(file.root, file.data, want, []);
    return applySplices(file.text, splices);
  } catch (thrown) {
    if (thrown instanceof Wider) return undefined;
    throw thrown;
  }
}

function applySplices(text: string, splices: Splice[]): string {
  let out = '';
  let cursor = 0;
  for (const { start, end, put } of splices.toSorted((a, b) => a.start - b.start)) {
    if (start < cursor) throw new Wider();
    out += text.slice(cursor, start) + put;
    cursor = end;
  }
  return out + text.slice(cursor);
}

function createSplicer(text: string, shape: FileShape, maxDepth: number) {
  const eol = text.includes('\r\n') ? '\r\n' : '\n';
  const lineStart = (offset: number) => text.lastIndexOf('\n', offset - 1) + 1;
  const column = (offset: number) => offset - lineStart(offset);
  const aloneBefore = (offset: number) => /^\s*$/.test(text.slice(lineStart(offset), offset));
  /** The beginning of the next line. */
  const lineEnd = (offset: number) => {
    if (offset > 0 && text[offset - 1] === '\n') return offset;
    const next = text.indexOf('\n', offset);
    return next === -1 ? text.length : next + 1;
  };

  function contentEnd(node: ParsedNode | null): number | undefined {
    if (!node) return undefined;
    if ((isMap(node) || isSeq(node)) && !node.flow) {
      const last = node.items.at(-1);
      if (last === undefined) return node.range[1];
      return isMap(node) ? pairEnd(last as ParsedPair) : (contentEnd(last as ParsedNode) ?? node.range[1]);
    }
    return node.range[1];
  }

  const colonOf = (pair: ParsedPair) =>
    pair.srcToken && 'sep' in pair.srcToken
      ? pair.srcToken.sep?.find((token) => token.type === 'map-value-ind')?.offset
      : undefined;

  const pairEnd = (pair: ParsedPair) => {
    const colon = colonOf(pair);
    return Math.max(contentEnd(pair.value) ?? 0, colon === undefined ? pair.key.range[1] : colon + 1);
  };

  /** Where the lines of a block entry end, with comments that are indented deeper than it. */
  function blockEnd(end: number, indent: number): number {
    let at = lineEnd(end);
    for (;;) {
      const comment = /^([ \t]*)#[^\n]*(?:\n|$)/.exec(text.slice(at, at + 2000));
      if (!comment || (comment[1] as string).length <= indent) return at;
      at += comment[0].length;
    }
  }

  function insertLines(at: number, lines: string[], indent: number): Splice {
    const body = lines.map((line) => (line === '' ? '' : ' '.repeat(indent) + line)).join(eol);
    const unended = at > 0 && text[at - 1] !== '\n';
    return { start: at, end: at, put: unended ? eol + body : body + eol };
  }

  function map(node: YAMLMap, raw: JsonObject, want: JsonObject, path: YamlPath): Splice[] {
    const pairs = node.items as ParsedPair[];
    const gone = new Set<ParsedPair>();
    const splices: Splice[] = [];
    for (const pair of pairs) {
      const key = String((pair.key as Scalar).value);
      const below = [...path, key];
      const wanted = want[key];
      const had = raw[key] as Json;
      if (wanted === undefined) {
        if (!shape.redundant?.(below, had)) gone.add(pair);
      } else splices.push(...value(pair, had, wanted, below, node));
    }
    const added = Object.keys(want).filter((key) => want[key] !== undefined && !pairOf(node, key));
    if (gone.size === 0 && added.length === 0) return splices;
    if (gone.size === pairs.length) throw new Wider();
    if (node.flow) {
      const ranges = pairs.map((pair) => ({ start: pair.key.range[0], end: pairEnd(pair), gone: gone.has(pair) }));
      const put = added.map((key) => `, ${keyText(key)}: ${flowText(want[key] as Json)}`).join('');
      return [...splices, ...flowChanges(ranges, put)];
    }
    const indent = column((pairs[0] as ParsedPair).key.range[0]);
    for (const pair of gone) {
      const start = pair.key.range[0];
      if (!aloneBefore(start) || hasExplicitKey(pair)) throw new Wider();
      splices.push({ start: lineStart(start), end: blockEnd(pairEnd(pair), indent), put: '' });
    }
    const order = shape.order?.(path) ?? [];
    const rank = (key: string) => (order.includes(key) ? order.indexOf(key) : order.length);
    for (const key of added.toSorted((a, b) => rank(a) - rank(b))) {
      const before = order.includes(key)
        ? pairs.findLast((pair) => rank(String((pair.key as Scalar).value)) <= rank(key))
        : pairs.at(-1);
      const lines = pairLines(keyText(key), want[key] as Json, shape.block, [...path, key], indent);
      const first = (pairs[0] as ParsedPair).key.range[0];
      if (!before && !aloneBefore(first)) throw new Wider();
      splices.push(insertLines(before ? blockEnd(pairEnd(before), indent) : lineStart(first), lines, indent));
    }
    return splices;
  }

  function seq(node: YAMLSeq, raw: Json[], want: Json[], path: YamlPath): Splice[] {
    const nodes = node.items as ParsedNode[];
    const same = (a: Json, b: Json) => shape.same?.(path, a, b) ?? equal(a, b);
    const scalars = [...raw, ...want].every((one) => typeof one !== 'object' || one === null);
    if (raw.length === want.length && (!scalars || !shape.same)) {
      return nodes.flatMap((item, i) => entry(item, raw[i] as Json, want[i] as Json, [...path, i], node));
    }
    const gone = new Set<number>();
    const put: { before: number; value: Json }[] = [];
    const splices: Splice[] = [];
    const stays = (i: number) => want.some((one) => same(raw[i] as Json, one));
    let j = 0;
    for (let i = 0; i < raw.length; ) {
      const had = raw[i] as Json;
      const next = want[j];
      if (next !== undefined && same(had, next)) {
        i++;
        j++;
      } else if (want.slice(j).some((one) => same(had, one))) {
        put.push({ before: i, value: next as Json });
        j++;
      } else if (next !== undefined && !stays(i) && !raw.some((one) => same(one, next))) {
        splices.push(...entry(nodes[i] as ParsedNode, had, next, [...path, i], node));
        i++;
        j++;
      } else gone.add(i++);
    }
    for (const value of want.slice(j)) put.push({ before: raw.length, value });
    if (gone.size === 0 && put.length === 0) return splices;
    if (gone.size === raw.length) throw new Wider();
    if (node.flow) {
      if (put.some(({ before }) => before !== raw.length)) throw new Wider();
      const ranges = nodes.map((item, i) => ({ start: item.range[0], end: item.range[1], gone: gone.has(i) }));
      return [...splices, ...flowChanges(ranges, put.map(({ value }) => `, ${flowText(value)}`).join(''))];
    }
    const tokens = node.srcToken?.type === 'block-seq' ? node.srcToken.items : undefined;
    const dashes = nodes.map((_, i) => {
      const dash = tokens?.[i]?.start.find((token) => token.type === 'seq-item-ind');
      if (!dash || !aloneBefore(dash.offset)) throw new Wider();
      return dash.offset;
    });
    const indent = column(dashes[0] as number);
    const endOf = (i: number) => blockEnd(contentEnd(nodes[i] as ParsedNode) ?? (dashes[i] as number) + 1, indent);
    for (const i of gone) splices.push({ start: lineStart(dashes[i] as number), end: endOf(i), put: '' });
    for (const { before, value } of put) {
      const at = before === 0 ? lineStart(dashes[0] as number) : endOf(before - 1);
      splices.push(insertLines(at, itemLines(value, shape.block, [...path, before], indent), indent));
    }
    return splices;
  }

  /** Deletions and additions in `{ … }` or `[ … ]`; `put` begins with a comma. */
  function flowChanges(ranges: { start: number; end: number; gone: boolean }[], put: string): Splice[] {
    const firstKept = ranges.findIndex((one) => !one.gone);
    const splices: Splice[] = [];
    ranges.forEach((one, i) => {
      if (!one.gone) return;
      if (i < firstKept) splices.push({ start: one.start, end: ranges[i + 1]?.start ?? one.end, put: '' });
      else splices.push({ start: ranges[i - 1]?.end ?? one.start, end: one.end, put: '' });
    });
    const lastKept = ranges.findLast((one) => !one.gone);
    if (put !== '' && lastKept) splices.unshift({ start: lastKept.end, end: lastKept.end, put });
    return splices;
  }

  /** A change inside of a node, or undefined where the node is to be written anew. */
  function inside(node: ParsedNode | null, raw: Json, want: Json, path: YamlPath): Splice[] | undefined {
    if (path.length >= maxDepth || !node || isAlias(node)) return undefined;
    if (
      isMap(node) &&
      isJsonObject(raw) &&
      isJsonObject(want) &&
      Object.keys(want).length > 0 &&
      node.items.length > 0
    ) {
      return map(node, raw, want, path);
    }
    if (isSeq(node) && Array.isArray(raw) && Array.isArray(want) && want.length > 0 && raw.length > 0) {
      return seq(node, raw, want, path);
    }
    return undefined;
  }

  /** Whether the data already mean what is wanted, though they may say a default or write an edge in full. */
  function isSame(path: YamlPath, raw: Json, want: Json): boolean {
    if (shape.same?.(path, raw, want)) return true;
    if (!isJsonObject(raw) || !isJsonObject(want)) return equal(raw, want);
    const kept = Object.keys(raw).filter(
      (key) => want[key] !== undefined || !shape.redundant?.([...path, key], raw[key] as Json),
    );
    return (
      kept.length === Object.keys(want).filter((key) => want[key] !== undefined).length &&
      kept.every((key) => want[key] !== undefined && isSame([...path, key], raw[key] as Json, want[key] as Json))
    );
  }

  function value(pair: ParsedPair, raw: Json, want: Json, path: YamlPath, parent: YAMLMap): Splice[] {
    const node = pair.value;
    const small = inside(node, raw, want, path);
    if (small) return small;
    if (isSame(path, raw, want)) return [];
    const colon = colonOf(pair);
    if (colon === undefined || hasExplicitKey(pair)) throw new Wider();
    if (parent.flow) {
      if (!node || node.range[0] === node.range[1])
        return [{ start: colon + 1, end: colon + 1, put: ` ${flowText(want)}` }];
      return [{ start: node.range[0], end: node.range[1], put: restyled(node, want, true) }];
    }
    const keyStart = pair.key.range[0];
    const indent = column(keyStart);
    const lines = pairLines(
      text.slice(keyStart, pair.key.range[1]),
      want,
      shape.block,
      path,
      indent,
      stepOf(node, indent),
    );
    const empty = !node || node.range[0] === node.range[1];
    const wasInline =
      empty || (isScalar(node) ? !String(node.type).startsWith('BLOCK') : isAlias(node) || node.flow === true);
    if (lines.length === 1 && wasInline) {
      const put = (lines[0] as string).slice(pair.key.range[1] - keyStart + 2);
      if (empty) return [{ start: colon + 1, end: colon + 1, put: ` ${put}` }];
      return [{ start: node.range[0], end: node.range[1], put: isScalar(node) ? restyled(node, want, false) : put }];
    }
    const end = pairEnd(pair);
    const rest = text.slice(wasInline ? end : colon + 1, text.indexOf('\n', wasInline ? end : colon + 1));
    const comment = isScalar(node) && !wasInline ? undefined : /^\s*(#[^\r\n]*)/.exec(rest)?.[1];
    if (comment) lines[0] += ` ${comment}`;
    const body = lines.map((line, i) => (i === 0 || line === '' ? line : ' '.repeat(indent) + line)).join(eol);
    const until = lineEnd(end);
    return [{ start: keyStart, end: until, put: text[until - 1] === '\n' ? body + eol : body }];
  }

  function entry(node: ParsedNode, raw: Json, want: Json, path: YamlPath, parent: YAMLSeq): Splice[] {
    const small = inside(node, raw, want, path);
    if (small) return small;
    if (isSame(path, raw, want)) return [];
    const isBlock = !parent.flow && ((isScalar(node) && String(node.type).startsWith('BLOCK')) || isOpen(node));
    if (isBlock || !node.range || node.range[0] === node.range[1]) throw new Wider();
    return [{ start: node.range[0], end: node.range[1], put: restyled(node, want, parent.flow === true) }];
  }

  /** How far a block value is indented below its key, so that a new one keeps it. */
  function stepOf(node: ParsedNode | null, indent: number): number {
    if (!node) return 2;
    if (isScalar(node) && String(node.type).startsWith('BLOCK')) {
      const body = text.slice(text.indexOf('\n', node.range[0]) + 1, node.range[1]);
      const first = /^[ ]*(?=\S)/m.exec(body);
      return first ? Math.max(1, first[0].length - indent) : 2;
    }
    if (isMap(node) && !node.flow) return Math.max(1, column(node.range[0]) - indent);
    return 2;
  }

  return { map };
}

const isOpen = (node: ParsedNode) => (isMap(node) || isSeq(node)) && !node.flow;

function hasExplicitKey(pair: ParsedPair): boolean {
  return pair.srcToken !== undefined && 'start' in pair.srcToken
    ? pair.srcToken.start.some((token) => token.type === 'explicit-key-ind')
    : false;
}

/** A new scalar in the quotes of the old one. */
function restyled(node: ParsedNode, want: Json, inFlow: boolean): string {
  if (isScalar(node) && typeof want === 'string') {
    if (node.type === 'QUOTE_DOUBLE') return quoted(want);
    if (node.type === 'QUOTE_SINGLE') return singleQuoted(want);
  }
  return flowText(want, inFlow);
}

/** Whether two values are the same JSON; absent fields do not count. */
export function equal(a: Json | undefined, b: Json | undefined): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((one, i) => equal(one, b[i]));
  if (!isJsonObject(a) || !isJsonObject(b)) return false;
  const keys = Object.keys(a).filter((key) => a[key] !== undefined);
  return (
    keys.length === Object.keys(b).filter((key) => b[key] !== undefined).length &&
    keys.every((key) => equal(a[key], b[key]))
  );
}
