import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { drawn } from '../../tests/fixtures/drawn.ts';
import { EXAMPLE_CATALOG, EXAMPLE_FILES, TRIAGE } from './example.fixture.ts';
import {
  canonicalText,
  contentHash,
  derivedId,
  execHash,
  flatHash,
  merkleHash,
  sha256Anywhere,
  sha256Hex,
} from './hash.ts';
import { setIn } from './plainData.ts';
import { readProject } from './readProject.ts';
import type { Tree } from './tree.ts';

fc.configureGlobal(drawn);

const example = readProject(EXAMPLE_FILES, EXAMPLE_CATALOG).tree as Tree;
const changed = (path: string[], value: unknown): Tree => setIn(example, path, value as never) as Tree;
const step = (...path: string[]) => ['workflows', TRIAGE, 'steps', ...path];

describe('hashes', () => {
  it('are SHA-256 over the canonical text', () => {
    expect(sha256Hex('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
    expect(canonicalText({ b: 1, a: [1e21, 'é', null], c: undefined })).toBe('{"a":[1e+21,"é",null],"b":1}');
    expect(flatHash({ b: 1, a: 2 })).toBe(sha256Hex('{"a":2,"b":1}'));
  });

  it('are the same in Node and in a browser', () => {
    const units = fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 300 });
    const text = units.map((codes) => String.fromCharCode(...codes));
    fc.assert(
      fc.property(fc.oneof(text, fc.uint8Array({ maxLength: 300 })), (data) => {
        expect(sha256Hex(data)).toBe(sha256Anywhere(data));
      }),
    );
    for (const data of ['', 'half \ud83d', '\ude00 half', 'é漢😀'.repeat(1_000), new Uint8Array(9_000)])
      expect(sha256Hex(data)).toBe(sha256Anywhere(data));
  });

  it('of objects are made of the hashes of their fields; lists are one value', () => {
    const value = { b: [1, { z: 1, a: 2 }], a: { x: 'y' } };
    const inner = sha256Hex(`{"x":${sha256Hex('"y"')}}`);
    expect(merkleHash(value)).toBe(sha256Hex(`{"a":${inner},"b":${sha256Hex('[1,{"a":2,"z":1}]')}}`));
    expect(merkleHash({})).toBe(sha256Hex('{}'));
    expect(merkleHash({ a: undefined })).toBe(merkleHash({}));
  });

  it('do not depend on the order of fields', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        fc.pre(canSerialize(value));
        const turned = Object.fromEntries(Object.entries(value).reverse());
        expect(merkleHash(turned)).toBe(merkleHash({ ...value }));
        expect(flatHash(turned)).toBe(flatHash(value));
      }),
    );
  });
});

function canSerialize(value: unknown): boolean {
  return JSON.stringify(value).isWellFormed() && !/\\ud[89a-f]/i.test(JSON.stringify(value));
}

describe('execHash', () => {
  const base = execHash(example);

  it('leaves out what cannot change a run', () => {
    expect(execHash(changed(['workflows', TRIAGE, 'layout'], {}))).toBe(base);
    expect(execHash(changed(step('score_m4t8', 'notes'), 'note'))).toBe(base);
    expect(execHash(changed(step('score_m4t8', 'name'), 'Score'))).toBe(base);
    expect(execHash(changed(['workflows', TRIAGE, 'name'], 'Other'))).toBe(base);
    expect(execHash(changed(['workflows', TRIAGE, 'tags'], ['sales']))).toBe(base);
    expect(execHash(changed(['workflows', TRIAGE, 'slug'], 'other'))).toBe(base);
    expect(execHash(changed(['project', 'name'], 'Other'))).toBe(base);
    expect(execHash({ ...example, tests: {}, pins: { [TRIAGE]: { score_m4t8: { hash: base, bytes: 1 } } } })).toBe(
      base,
    );
    expect(contentHash(changed(['project', 'name'], 'Other'))).not.toBe(contentHash(example));
  });

  it('covers what can', () => {
    const changes = [
      changed(step('each_h6v2', 'config', 'batch'), 11),
      changed(step('each_h6v2', 'disabled'), true),
      changed(['workflows', TRIAGE, 'settings', 'concurrency'], 6),
      changed(['workflows', TRIAGE, 'edges'], {}),
      changed(['scripts', 'score.ts'], 'x'),
      changed(['environments', 'local', 'vars', 'threshold'], 4),
      changed(['connections'], {}),
    ];
    expect(new Set([base, ...changes.map(execHash)]).size).toBe(changes.length + 1);
  });

  it('covers a name that something refers to', () => {
    const naming = changed(step('failed_x0b4', 'config', 'fields', 'x'), "=$('New issue?').first()");
    expect(execHash(setIn(naming, step('fresh_2c7x', 'name'), 'Old issue?') as Tree)).not.toBe(execHash(naming));
    expect(execHash(setIn(naming, step('score_m4t8', 'name'), 'Score') as Tree)).toBe(execHash(naming));
    const workflow = changed(step('failed_x0b4', 'config', 'fields', 'x'), '=$workflow.name');
    expect(execHash(setIn(workflow, ['workflows', TRIAGE, 'name'], 'Other') as Tree)).not.toBe(execHash(workflow));
  });
});

it('derives the same id from the same project and path', () => {
  const id = derivedId(example.project.id, 'workflows/a.yaml');
  expect(derivedId(example.project.id, 'workflows/a.yaml')).toBe(id);
  expect(derivedId(example.project.id, 'workflows/b.yaml')).not.toBe(id);
  expect(derivedId(TRIAGE, 'workflows/a.yaml')).not.toBe(id);
});
