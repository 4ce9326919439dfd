import { SluiceError } from '../error.ts';
import type { Json, JsonObject } from '../json.ts';
import { compileExpression, isExpression, type Scope } from './expression.ts';
import { unescapeLiteral } from './source.ts';

/** The settings of a step, ready to be filled in for each item. */
export type CompiledConfig = {
  /**
   * The settings with every expression replaced by its value. Parts without expressions are shared between calls and
   * frozen. Errors are those of an expression, and say at which setting.
   */
  resolve(scope: Scope): JsonObject;
  /** The steps that its expressions refer to. */
  references: readonly string[];
  /** Whether it holds no expression: `resolve` then always gives the same object. */
  constant: boolean;
};

/** A setting: fixed, or to be evaluated. */
type Part = { fixed: true; value: Json } | { fixed: false; resolve(scope: Scope): unknown };
type Notes = { references: Set<string>; isLiteral: (path: readonly string[]) => boolean };

/**
 * Compiles the settings of a step. Text values at any depth may be expressions; keys never are. What `isLiteral` names
 * stays as it is, to the character.
 *
 * Errors: `expression.syntax` that begins with the setting's path, such as `fields.score`, also in `details.path`.
 */
export function compileConfig(config: JsonObject, isLiteral: Notes['isLiteral'] = () => false): CompiledConfig {
  const references = new Set<string>();
  const part = compileFields(config, [], { references, isLiteral });
  if (part.fixed) {
    const value = part.value as JsonObject;
    return { resolve: () => value, references: [], constant: true };
  }
  return { resolve: (scope) => part.resolve(scope) as JsonObject, references: [...references], constant: false };
}

function compilePart(value: Json, path: readonly string[], notes: Notes): Part {
  if (value !== null && typeof value === 'object') {
    if (notes.isLiteral(path)) return { fixed: true, value: frozen(structured(value)) };
    return Array.isArray(value) ? compileList(value, path, notes) : compileFields(value, path, notes);
  }
  if (typeof value !== 'string' || notes.isLiteral(path)) return { fixed: true, value };
  if (!isExpression(value)) return { fixed: true, value: unescapeLiteral(value) };
  try {
    const expression = compileExpression(value);
    for (const reference of expression.references) notes.references.add(reference);
    return {
      fixed: false,
      resolve(scope) {
        try {
          return expression.evaluate(scope);
        } catch (thrown) {
          throw atPath(thrown, path);
        }
      },
    };
  } catch (thrown) {
    throw atPath(thrown, path);
  }
}

function compileList(list: readonly Json[], path: readonly string[], notes: Notes): Part {
  const parts = list.map((value, index) => compilePart(value, [...path, String(index)], notes));
  if (parts.every((part) => part.fixed)) return { fixed: true, value: frozen(parts.map((part) => part.value)) };
  return {
    fixed: false,
    resolve: (scope) => parts.map((part) => (part.fixed ? part.value : (part.resolve(scope) ?? null))),
  };
}

function compileFields(fields: JsonObject, path: readonly string[], notes: Notes): Part {
  const template: JsonObject = {};
  const open: { key: string; resolve(scope: Scope): unknown }[] = [];
  for (const [key, value] of Object.entries(fields)) {
    if (key === '__proto__')
      throw new SluiceError('config.invalid', 'A setting cannot be named __proto__.', {
        details: { path: [...path, key].join('.') },
      });
    const part = compilePart(value, [...path, key], notes);
    template[key] = part.fixed ? part.value : null; // keeps its place among the keys
    if (!part.fixed) open.push({ key, resolve: part.resolve });
  }
  if (open.length === 0) return { fixed: true, value: frozen(template) };
  return {
    fixed: false,
    resolve(scope) {
      const result: { [key: string]: unknown } = { ...template };
      for (const { key, resolve } of open) {
        const value = resolve(scope);
        if (value === undefined) delete result[key];
        else result[key] = value;
      }
      return result;
    },
  };
}

function structured(value: Json): Json {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(structured);
  const copy: JsonObject = {};
  for (const [key, inner] of Object.entries(value)) if (key !== '__proto__') copy[key] = structured(inner);
  return copy;
}

function frozen<T extends Json>(value: T): T {
  if (value !== null && typeof value === 'object' && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value) as Json[]) frozen(inner);
  }
  return value;
}

function atPath(thrown: unknown, path: readonly string[]): unknown {
  if (!(thrown instanceof SluiceError)) return thrown;
  const where = path.join('.');
  return new SluiceError(thrown.code, `${where}: ${thrown.message}`, {
    details: { ...thrown.details, path: where },
    advice: thrown.advice,
    cause: thrown,
  });
}
