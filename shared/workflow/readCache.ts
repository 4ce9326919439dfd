import type { JsonObject } from '../json.ts';
import type { StepCatalog } from './catalog.ts';
import { readYaml, type YamlFile } from './yamlFile.ts';

/** What is kept of files that were read: few and not too long, for a parsed file takes many times the room of its text. */
const MOST_FILES = 64;
const MOST_CHARACTERS = 4_000_000;

type Textual = Parameters<typeof readYaml>[1];
type Kept = { kind: string; catalog: StepCatalog; yaml: YamlFile };

const files = new Map<string, Kept>();
let characters = 0;

/**
 * Reads a YAML file, or gives what reading the same text gave before: a project is read again after every save, and one
 * file of it has changed. What comes out is shared, so nobody may change it.
 *
 * @param kind of file and `catalog` together decide `textual`
 */
export function readYamlOnce(text: string, kind: string, catalog: StepCatalog, textual: Textual): YamlFile {
  const known = files.get(text);
  if (known && known.kind === kind && known.catalog === catalog) {
    files.delete(text);
    files.set(text, known);
    return known.yaml;
  }
  const yaml = readYaml(text, textual);
  if (known) characters -= text.length;
  files.delete(text);
  files.set(text, { kind, catalog, yaml });
  characters += text.length;
  for (const oldest of files.keys()) {
    if (files.size <= MOST_FILES && characters <= MOST_CHARACTERS) break;
    files.delete(oldest);
    characters -= oldest.length;
  }
  return yaml;
}

type Lookup = (name: string) => string | undefined;
type Made<T> = { about: string; catalog: StepCatalog; asked: Map<string, string | undefined>; value: T };

/**
 * Remembers what was made of a file's data, as long as the data are the same and what was looked up for it is.
 *
 * @returns makes it, or gives what was made before; `make` gets the lookup to use
 */
export function createRecordCache<T>() {
  const kept = new WeakMap<JsonObject, Made<T>>();
  return (data: JsonObject, about: string, catalog: StepCatalog, lookup: Lookup, make: (lookup: Lookup) => T): T => {
    const known = kept.get(data);
    const fits = known && known.about === about && known.catalog === catalog;
    if (fits && [...known.asked].every(([name, found]) => lookup(name) === found)) return known.value;
    const asked = new Map<string, string | undefined>();
    const value = make((name) => {
      const found = lookup(name);
      asked.set(name, found);
      return found;
    });
    kept.set(data, { about, catalog, asked, value });
    return value;
  };
}
