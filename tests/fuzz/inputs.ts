import fc from 'fast-check';
import { parse as parseYaml } from 'yaml';
import type { Json } from '#shared/json.ts';
import { createDice, seedNumber } from './dice.ts';
import { mutateJson, mutateText, wordsOf } from './mutate.ts';

/** Makes the input of a number: always the same one for the same seed. */
export type Inputs = (seed: string, index: number) => string;

/** Inputs of one kind in a row: what a grammar samples together. */
const CHUNK = 200;

type Parts = {
  /** Real examples. */
  seeds: readonly string[];
  /** Words of the language. */
  tokens: readonly string[];
  /** Turns half of the inputs into what the seeds' data say with places in them changed. */
  data?: { read(text: string): Json; write(value: Json): string };
  /** Else the words are put in a row. */
  grammar?: fc.Arbitrary<string>;
};

/** One third of the inputs is made by a grammar, the others are real examples with changes in them. */
export function inputsOf({ seeds, tokens, data, grammar = inARow(tokens) }: Parts): Inputs {
  const values = data ? seeds.map((seed) => data.read(seed)) : [];
  const words = values.map((value) => wordsOf(value));
  const names = [...new Set(words.flatMap((one) => [...one.names])), '__proto__', 'constructor', 'toString', ''];
  const leaves = [...new Set(words.flatMap((one) => [...one.values]))];
  const shaped = data ? vocabularyJson(names, leaves).map((value) => data.write(value)) : undefined;
  const grammars = shaped ? [grammar, shaped] : [grammar];
  let sampled: { of: string; texts: string[] } | undefined;

  return (seed, index) => {
    const chunk = Math.floor(index / CHUNK);
    if (chunk % 3 === 0) {
      const of = `${seed}:${chunk}`;
      if (sampled?.of !== of) {
        const made = grammars[(chunk / 3) % grammars.length] as fc.Arbitrary<string>;
        sampled = { of, texts: fc.sample(made, { numRuns: CHUNK, seed: seedNumber(of) }) };
      }
      return sampled.texts[index % CHUNK] as string;
    }
    const dice = createDice(`${seed}:${index}`);
    if (data && dice.chance(0.6)) return data.write(mutateJson(dice, dice.oneOf(values), names, leaves));
    return mutateText(dice, dice.oneOf(seeds), seeds, tokens);
  };
}

/** Words in a row, with some that nobody thought of. */
function inARow(tokens: readonly string[]): fc.Arbitrary<string> {
  const one = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...tokens) },
    fc.string({ maxLength: 4, unit: 'binary' }),
  );
  return fc.array(one, { maxLength: 24 }).map((parts) => parts.join(''));
}

/** JSON of the names and values that a language knows, put together anyhow. */
export function vocabularyJson(names: readonly string[], values: readonly Json[]): fc.Arbitrary<Json> {
  return fc.letrec<{ value: Json }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 5, withCrossShrink: false },
      fc.constantFrom<Json>(...values),
      fc.constantFrom<Json>(null, true, 0, -1, 1.5, 1e308, '', '=$json', {}, []),
      fc.array(tie('value'), { maxLength: 4 }) as fc.Arbitrary<Json>,
      fc
        .array(fc.tuple(fc.constantFrom(...names), tie('value')), { maxLength: 6 })
        .map((entries) => Object.fromEntries(entries) as Json),
    ),
  })).value;
}

export const asJsonText = {
  read: (text: string) => JSON.parse(text) as Json,
  write: (value: Json) => JSON.stringify(value),
};
/** JSON is YAML, so that is how changed data is written. */
export const asYaml = {
  read: (text: string) => parseYaml(text) as Json,
  write: (value: Json) => JSON.stringify(value, null, 1),
};
/** Both stand behind a name: `name\u0001content`. */
export function named(inner: typeof asYaml): typeof asYaml {
  return {
    read(text) {
      const [name = '', ...rest] = text.split('\u0001');
      return [name, inner.read(rest.join('\u0001'))];
    },
    write(value) {
      const [name, content] = Array.isArray(value) ? value : [];
      return `${typeof name === 'string' ? name : ''}\u0001${inner.write(content ?? null)}`;
    },
  };
}

/** The words of some texts, and what stands between them. */
export function tokensOf(...texts: string[]): string[] {
  return [...new Set(texts.flatMap((text) => text.match(/[\p{L}\p{N}_$]+|[^\p{L}\p{N}_$\s]+|\s+/gu) ?? []))];
}
