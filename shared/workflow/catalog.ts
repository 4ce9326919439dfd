import { z } from 'zod';
import { isJsonObject, JsonObject } from '../json.ts';

/** What the editor and the validator know of a step type. Plain data, so that a host can hand it to the screen. */
export const StepTypeInfo = z.strictObject({
  /** `system.action`. */
  type: z.string(),
  version: z.int().min(1),
  title: z.string(),
  description: z.string().optional(),
  category: z.string().optional(),
  icon: z.string().optional(),
  /** Without `error`. None for a trigger. */
  inputs: z.array(z.string()),
  /** Input ports that take one edge only. */
  singleInputs: z.array(z.string()).optional(),
  /** Without `error`, which every step with an input has. */
  outputs: z.array(z.string()),
  /** Further output ports, before `outputs`: one for each entry of a list in the config, named by a field of it. */
  outputsFrom: z.strictObject({ list: z.string(), field: z.string() }).optional(),
  mode: z.enum(['each', 'once']),
  /** JSON Schema of what a file may say (`z.toJSONSchema` with `io: 'input'`). `expression: false` makes a field literal. */
  configSchema: JsonObject,
  outputSchema: JsonObject.optional(),
  trigger: z.boolean(),
  effect: z.string().optional(),
  /** The connector whose connection the step needs. */
  connector: z.string().optional(),
});
export type StepTypeInfo = z.infer<typeof StepTypeInfo>;

export const StepCatalog = z.record(z.string(), StepTypeInfo);
export type StepCatalog = z.infer<typeof StepCatalog>;

export function stepTypeInfo(catalog: StepCatalog, type: string): StepTypeInfo | undefined {
  return Object.hasOwn(catalog, type) ? catalog[type] : undefined;
}

/** The ports that edges may lead to. */
export function inputPorts(info: StepTypeInfo): string[] {
  return info.inputs;
}

/** The ports that edges may leave by: those of the config's list, those of the type, and `error` where there is an input. */
export function outputPorts(info: StepTypeInfo, config: JsonObject): string[] {
  const ports: string[] = [];
  if (info.outputsFrom) {
    const { list, field } = info.outputsFrom;
    const entries = config[list];
    for (const entry of Array.isArray(entries) ? entries : []) {
      const name = isJsonObject(entry) ? entry[field] : undefined;
      if (typeof name === 'string') ports.push(name);
    }
  }
  ports.push(...info.outputs);
  if (info.inputs.length > 0) ports.push('error');
  return [...new Set(ports)];
}
