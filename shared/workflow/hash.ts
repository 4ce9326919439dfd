import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import canonicalize from 'canonicalize';
import { SluiceError } from '../error.ts';
import { isExpression } from '../expression/source.ts';
import type { Hash } from '../ids.ts';
import { isJsonObject, type Json, type JsonObject } from '../json.ts';
import { settingExpressions } from './settingExpressions.ts';
import type { Step, Tree, Workflow } from './tree.ts';

type NodeCrypto = { hash?(algorithm: 'sha256', data: Uint8Array | string, encoding: 'hex'): string };
type Surroundings = { process?: { getBuiltinModule?(name: 'node:crypto'): NodeCrypto | undefined } };

/** Node's own where there is one: many times as fast, and a large project is thousands of hashes. */
const nodeCrypto = (globalThis as Surroundings).process?.getBuiltinModule?.('node:crypto');

/** SHA-256 of bytes, or of a text's UTF-8, as 64 lower-case hex digits. */
export function sha256Hex(data: Uint8Array | string): Hash {
  return nodeCrypto?.hash ? nodeCrypto.hash('sha256', data, 'hex') : sha256Anywhere(data);
}

/** The same where there is no Node: in the editor. */
export function sha256Anywhere(data: Uint8Array | string): Hash {
  return bytesToHex(sha256(typeof data === 'string' ? utf8ToBytes(data) : data));
}

/**
 * The RFC 8785 text of a value: one text for one value, whatever the order of its fields. Absent fields are left out.
 *
 * @throws SluiceError data.invalid for half of a surrogate pair, which JSON can hold and RFC 8785 has no text for
 */
export function canonicalText(value: unknown): string {
  const text = textOf(value);
  if (text === undefined) throw new TypeError('Only JSON has a canonical text.');
  return text;
}

function textOf(value: unknown): string | undefined {
  try {
    return canonicalize(value);
  } catch (thrown) {
    if (!/surrogate/i.test(String(thrown))) throw thrown;
    throw new SluiceError('data.invalid', 'The data hold half of a surrogate pair, which is no character.', {
      advice: 'Take the broken character out.',
      cause: thrown,
    });
  }
}

/** SHA-256 over the RFC 8785 text. */
export function flatHash(value: unknown): Hash {
  return sha256Hex(canonicalText(value));
}

/** Every edge is an empty object of its own. */
const EMPTY = sha256Hex('{}');
const merkleCache = new WeakMap<object, Hash>();

/**
 * The hash that `was`, a head and `resultHash` use: an object hashes its children's hashes, anything else its RFC 8785
 * text. Remembered per object, so values must not be changed after they were hashed; a copy that shares its unchanged
 * parts costs only what changed.
 */
export function merkleHash(value: unknown): Hash {
  if (typeof value !== 'object' || value === null) return leafHash(value);
  const known = merkleCache.get(value);
  if (known !== undefined) return known;
  const hash = isJsonObject(value) ? hashOfFields(value) : flatHash(value);
  merkleCache.set(value, hash);
  return hash;
}

/** A step's type, its version, its mode: the same few words stand in most of them. */
const leafHashes = new Map<unknown, Hash>();
const MOST_LEAVES = 5_000;
const LONGEST_LEAF = 64;

function leafHash(value: unknown): Hash {
  const known = leafHashes.get(value);
  if (known !== undefined) return known;
  const hash = flatHash(value);
  if (typeof value === 'string' && value.length > LONGEST_LEAF) return hash;
  if (leafHashes.size >= MOST_LEAVES) leafHashes.clear();
  leafHashes.set(value, hash);
  return hash;
}

function hashOfFields(value: JsonObject): Hash {
  const fields: string[] = [];
  for (const key of Object.keys(value).sort()) {
    const child = value[key];
    if (child !== undefined) fields.push(`${JSON.stringify(key)}:${merkleHash(child)}`);
  }
  return fields.length === 0 ? EMPTY : sha256Hex(`{${fields.join(',')}}`);
}

/** Covers everything in the tree. Two equal hashes are one version. */
export function contentHash(tree: Tree): Hash {
  return flatHash(tree);
}

/**
 * Covers what can change a run: no layout, notes, tags, tests or pins, and no name of a step, workflow or project unless
 * something refers to it.
 */
export function execHash(tree: Tree): Hash {
  return flatHash(execTree(tree));
}

/** What `execHash` covers; also the tree that a tape carries. */
export function execTree(tree: Tree): Json {
  const workflows = Object.values(tree.workflows);
  const texts = workflows.flatMap((workflow) => expressionsOf(workflow));
  // A reference that is computed, or written with escapes, may mean any name.
  const computed = texts.some((text) => /\$\(\s*(?:[^'"`\s]|`[^`]*\$\{|['"`][^'"`]*\\)/.test(text));
  const quoted = new Set(
    texts.flatMap((text) => Array.from(text.matchAll(/\$\(\s*['"`]([^'"`]*)/g), ([, name]) => name)),
  );
  const mentioned = (name: string) => computed || quoted.has(name);
  const readsWorkflowName = texts.some((text) => text.includes('$workflow'));
  const kept: Record<string, unknown> = {};
  for (const [id, workflow] of Object.entries(tree.workflows)) {
    const { layout, slug, name, tags, steps, ...rest } = workflow;
    const bare: Record<string, unknown> = { ...rest, steps: {} };
    if (readsWorkflowName) bare.name = name;
    if (workflows.some((other) => refersToSlug(other, slug))) bare.slug = slug;
    const bareSteps = bare.steps as Record<string, unknown>;
    for (const [stepId, step] of Object.entries(steps)) {
      const { notes, name: stepName, ...runs } = step;
      bareSteps[stepId] = mentioned(stepName) && stepName !== stepId ? { ...runs, name: stepName } : runs;
    }
    kept[id] = bare;
  }
  const { scripts, machines, environments, connections, project } = tree;
  return {
    project: { id: project.id, format: project.format },
    workflows: kept,
    scripts,
    machines,
    environments,
    connections,
  } as unknown as Json;
}

/** A workflow's own texts that may refer to a name: `$('New issue?')`. */
function expressionsOf(workflow: Workflow): string[] {
  const found: string[] = [];
  for (const step of Object.values(workflow.steps)) collect(step.config, found);
  for (const { text } of settingExpressions(workflow.settings)) found.push(text);
  return found;
}

function collect(value: Json, into: string[]): void {
  if (typeof value === 'string') {
    // Code has the same names as an expression, so its text counts as well.
    if (isExpression(value) || value.includes('$')) into.push(value);
  } else if (Array.isArray(value)) for (const one of value) collect(one, into);
  else if (isJsonObject(value)) for (const one of Object.values(value)) collect(one, into);
}

function refersToSlug(workflow: Workflow, slug: string): boolean {
  return Object.values(workflow.steps).some((step: Step) => Object.values(step.config).includes(slug));
}

/**
 * The id of a record that a file did not name: the same on every machine.
 *
 * @param path the file's path below the project's folder, with `/`
 * @returns a UUID of version 8
 */
export function derivedId(projectId: string, path: string): string {
  const digest = sha256(utf8ToBytes(`${projectId}\n${path}`)).slice(0, 16);
  digest[6] = ((digest[6] as number) & 0x0f) | 0x80;
  digest[8] = ((digest[8] as number) & 0x3f) | 0x80;
  const hex = bytesToHex(digest);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
