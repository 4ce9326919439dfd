import { charge, type Evaluation, failure } from './evaluation.ts';
import { emptyFields, type Fields } from './values.ts';

/** `JSON.parse`. Objects come without a prototype and without `__proto__`. */
export function parseJson(evaluation: Evaluation, text: string): unknown {
  charge(evaluation, 1 + text.length / 64);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    throw failure(
      evaluation,
      `This text is not JSON: ${why.slice(0, 160)}.`,
      'Look at the text; it must be JSON as a whole.',
    );
  }
  return withoutPrototypes(evaluation, value, 0);
}

function withoutPrototypes(evaluation: Evaluation, value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (depth > 512) throw failure(evaluation, 'This JSON is nested too deeply.', 'Read it in a code step.');
  if (Array.isArray(value)) {
    charge(evaluation, value.length);
    return value.map((inner) => withoutPrototypes(evaluation, inner, depth + 1));
  }
  const result = emptyFields();
  for (const [key, inner] of Object.entries(value as Fields)) {
    charge(evaluation, 1);
    if (key !== '__proto__') result[key] = withoutPrototypes(evaluation, inner, depth + 1);
  }
  return result;
}
