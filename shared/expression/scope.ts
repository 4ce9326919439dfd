import type { Json, JsonObject } from '../json.ts';
import type { Item } from '../workflow/tree.ts';

/** What a step's latest run made. */
export type StepView = {
  /** The item the current one came from; undefined where lineage does not tell. */
  item(): Item | undefined;
  all(): readonly Item[];
};

/** Everything an expression can see. Nothing in it is ever changed by one. */
export type Scope = {
  json: JsonObject;
  binary?: JsonObject;
  itemIndex: number;
  items: readonly Item[];
  /** A step by id or by name; undefined where there is none. */
  step(ref: string): StepView | undefined;
  trigger: Json;
  request: Json;
  env: JsonObject;
  run: JsonObject;
  workflow: JsonObject;
  /** Milliseconds since 1970. */
  now: number;
  /** An IANA zone. */
  timezone: string;
  uuid(): string;
  random(): number;
  /** What a model filled in, where the expression stands in a tool of an agent. */
  fromAI?(name: string): Json;
};
