import { z } from 'zod';

/**
 * Whether a step type's schema says `expression: false` for a field, or for what it stands in. A path goes through lists,
 * maps and choices as well, so that the entries of a list of field names are as literal as one field name.
 */
export function isLiteralField(schema: z.ZodType, path: readonly string[]): boolean {
  const inner = innerOf(schema);
  if (schema.meta()?.expression === false && (path.length === 0 || inner || isContainer(schema))) return true;
  if (inner) return isLiteralField(inner, path);
  if (schema instanceof z.ZodUnion) {
    return (schema.options as z.ZodType[]).some((option) => isLiteralField(option, path));
  }
  const [key, ...rest] = path;
  const next = key === undefined ? undefined : childOf(schema, key);
  return next !== undefined && isLiteralField(next, rest);
}

/** What a schema wraps that takes the same value. */
export function innerOf(schema: z.ZodType): z.ZodType | undefined {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodNullable) {
    return schema.unwrap() as z.ZodType;
  }
  return undefined;
}

/** Of the choices in a union a text that is literal says nothing of what stands in an object. */
function isContainer(schema: z.ZodType): boolean {
  return !(schema instanceof z.ZodString || schema instanceof z.ZodEnum);
}

function childOf(schema: z.ZodType, key: string): z.ZodType | undefined {
  if (schema instanceof z.ZodObject) {
    const shape = schema.shape as Record<string, z.ZodType>;
    return Object.hasOwn(shape, key) ? shape[key] : undefined;
  }
  if (schema instanceof z.ZodArray) return /^\d+$/.test(key) ? (schema.element as z.ZodType) : undefined;
  if (schema instanceof z.ZodRecord) return schema.valueType as z.ZodType;
  return undefined;
}
