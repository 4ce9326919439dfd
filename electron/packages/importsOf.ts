import { type Node, type Program, parse } from 'acorn';
import { compile, SyntaxFailure } from '#runtime/sandbox/compile.ts';
import { packageName, scriptImports } from '#runtime/sandbox/imports.ts';
import type { Tree } from '#shared/workflow/tree.ts';

/** What the scripts of a project want of one package, or of a part of it. */
export type Wanted = {
  /** What is imported by name; `*` stands for all there is. Sorted. */
  names: string[];
  /** A script that imports it, for messages. */
  by: string;
};

type Found = Map<string, { names: Set<string>; by: string }>;

/**
 * What the scripts that code steps run import from packages, by what they import (`lodash`, `date-fns/format`). A script
 * that cannot be read says so when it runs.
 *
 * @param workflowIds only the scripts of these; absent: of all
 */
export function packageImports(tree: Tree, workflowIds?: readonly string[]): Record<string, Wanted> {
  const found: Found = new Map();
  for (const [path, source] of Object.entries(scriptsInUse(tree, workflowIds)).sort()) {
    const program = read(path, source);
    if (program) collect(program, path, found);
  }
  return Object.fromEntries(
    [...found].sort().map(([specifier, { names, by }]) => [specifier, { names: [...names].sort(), by }]),
  );
}

function scriptsInUse(
  tree: Tree,
  workflowIds: readonly string[] = Object.keys(tree.workflows),
): Record<string, string> {
  const readScript = (path: string) => {
    const name = path.replace(/^scripts\//, '');
    return Object.hasOwn(tree.scripts, name) ? tree.scripts[name] : undefined;
  };
  const used: Record<string, string> = {};
  for (const id of workflowIds) {
    for (const { uses, config } of Object.values(tree.workflows[id]?.steps ?? {})) {
      if (!uses.startsWith('code.') || typeof config.script !== 'string' || config.script.endsWith('.py')) continue;
      const path = `scripts/${config.script.replace(/^scripts\//, '')}`;
      const source = readScript(path);
      if (source === undefined || Object.hasOwn(used, path)) continue;
      used[path] = source;
      Object.assign(used, scriptImports(path, source, readScript));
    }
  }
  return used;
}

function read(path: string, source: string): Program | undefined {
  try {
    const language = path.endsWith('.ts') ? 'typescript' : 'javascript';
    const { code } = compile({ language, kind: 'module', source, path });
    return parse(code, { ecmaVersion: 'latest', sourceType: 'module' });
  } catch (thrown) {
    if (thrown instanceof SyntaxFailure || thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
}

function collect(program: Program, by: string, found: Found): void {
  const want = (specifier: unknown): Set<string> => {
    if (typeof specifier !== 'string' || packageName(specifier) === undefined) return new Set();
    const known = found.get(specifier) ?? { names: new Set(), by };
    found.set(specifier, known);
    return known.names;
  };
  const namespaces = new Map<string, Set<string>>();
  for (const node of program.body) {
    if (node.type === 'ExportAllDeclaration') want(node.source.value).add('*');
    if (node.type === 'ExportNamedDeclaration' && node.source) {
      const names = want(node.source.value);
      for (const { local } of node.specifiers) names.add(nameOf(local));
    }
    if (node.type !== 'ImportDeclaration') continue;
    const names = want(node.source.value);
    for (const one of node.specifiers) {
      if (one.type === 'ImportDefaultSpecifier') names.add('default');
      else if (one.type === 'ImportSpecifier') names.add(nameOf(one.imported));
      else {
        names.add('*');
        namespaces.set(one.local.name, names);
      }
    }
  }
  if (namespaces.size > 0) addMembers(program, namespaces);
}

/** Of an old-style package, only what is named can be handed out by name: `_.chunk` of `import * as _` is such a name. */
function addMembers(node: Node, namespaces: Map<string, Set<string>>): void {
  if (node.type === 'MemberExpression') {
    const { object, property, computed } = node as unknown as Record<string, { type: string; name: string }>;
    const names = object?.type === 'Identifier' ? namespaces.get(object.name) : undefined;
    if (names && !computed && property?.type === 'Identifier') names.add(property.name);
  }
  for (const value of Object.values(node)) {
    for (const one of Array.isArray(value) ? value : [value]) if (isNode(one)) addMembers(one, namespaces);
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as Node).type === 'string';
}

function nameOf(node: { type: string }): string {
  const { name, value } = node as { name?: string; value?: unknown };
  return name ?? String(value);
}
