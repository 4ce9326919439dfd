import type { YamlFile, YamlPath } from './yamlFile.ts';

export type Place = { file: string; line: number; column: number };

/** Finds the place in a project's files of anything in its tree. */
export type Sources = {
  /**
   * @param path in the tree: `['workflows', id, 'steps', stepId, 'config', 'url']`
   * @param part the field's value, or its name
   * @param within position inside of a text, from 0
   * @returns the nearest place that exists; line and column from 1
   */
  place(path: YamlPath, part?: 'key' | 'value', within?: number): Place;
};

/** A file that was read: `yaml` is absent for scripts and pins. */
export type ReadFile = { yaml?: YamlFile; edgeAt?: Map<string, number> };

/**
 * @param fileOf the file that holds a record, by `kind/id`, e.g. `workflows/<id>`
 */
export function createSources(files: Map<string, ReadFile>, fileOf: Map<string, string>): Sources {
  return {
    place(path, part = 'value', within = 0) {
      const [kind, id] = path.map(String);
      const file =
        fileOf.get(`${kind}/${id}`) ??
        (kind === 'connections' ? 'connections.yaml' : kind === 'project' ? 'sluice.yaml' : `${kind}/${id}`);
      const read = files.get(file);
      if (!read?.yaml) return { file, line: 1, column: 1 };
      const inside = path.slice(kind === 'connections' || kind === 'project' ? 1 : 2);
      if (inside[0] === 'edges' && inside.length > 1) {
        const at = read.edgeAt?.get(String(inside[1]));
        return { file, ...read.yaml.lines.at(read.yaml.offsetOf(at === undefined ? ['edges'] : ['edges', at])) };
      }
      return { file, ...read.yaml.lines.at(read.yaml.offsetOf(inside, part, within)) };
    },
  };
}
