import type { Context, Isolate, Module, Reference } from 'isolated-vm';
import { type Compiled, compile, placeIn, SyntaxFailure } from './compile.ts';
import { PACKAGE_PREFIX, packageName, resolveImport } from './imports.ts';
import type { ScriptHead } from './script.ts';

/** A script and what it imports, compiled. */
export type Program = { files: Map<string, Compiled>; main: Compiled };

type Code = Pick<ScriptHead, 'language' | 'kind' | 'source' | 'path' | 'files' | 'limits'>;

/**
 * Compiles a script; what it imports follows when it is loaded.
 *
 * @throws SyntaxFailure
 */
export function programOf({ language, kind, source, path }: Code): Program {
  const main = compile({ language: language === 'typescript' ? 'typescript' : 'javascript', kind, source, path });
  return { main, files: new Map([[path, main]]) };
}

/**
 * The function that a script gives, in a context.
 *
 * @param root where a debugger looks on: the address of the folder that `scripts/` is in
 *
 * @throws SyntaxFailure for what is no such script; whatever the code itself throws while it is loaded
 */
export async function loadProgram(
  isolate: Isolate,
  context: Context,
  head: Code,
  program: Program,
  root?: string,
): Promise<Reference<unknown>> {
  const { kind, path, limits } = head;
  if (kind === 'body') {
    const script = isolate.compileScriptSync(program.main.code, { filename: addressOf(head, path, root) });
    if (root !== undefined) return script.run(context, { reference: true }) as Promise<Reference<unknown>>;
    // What is run here is the making of a function, so it may be waited for; code that closes the function early and goes
    // on by itself is stopped.
    const reference = script.runSync(context, { reference: true, timeout: limits.cpuMs }) as Reference<unknown>;
    script.release();
    return reference;
  }
  const module = link(isolate, context, head, program, root);
  await module.evaluate();
  const reference = module.namespace.getSync('default', { reference: true }) as Reference<unknown>;
  if (reference.typeof === 'function') return reference;
  throw new SyntaxFailure(
    `${path} has no default export that is a function.`,
    'Write `export default (item, ctx) => ({ … })`.',
  );
}

/** What a debugger shows a file as: the person's own file, for scripts. Errors find their path at the end of it. */
export function addressOf({ kind }: Pick<Code, 'kind'>, file: string, root: string | undefined): string {
  if (root === undefined || file.startsWith(PACKAGE_PREFIX)) return file;
  return kind === 'body' ? `sluice-step:///${file}` : `${root}${file}`;
}

function link(isolate: Isolate, context: Context, head: Code, program: Program, root?: string): Module {
  const { path, files = {} } = head;
  const modules = new Map<string, Module>();
  const paths = new Map<Module, string>();
  const add = (file: string, compiled: Compiled): Module => {
    const module = isolate.compileModuleSync(compiled.code, { filename: addressOf(head, file, root) });
    modules.set(file, module);
    paths.set(module, file);
    // What goes wrong inside of a package is shown at the person's own line that called it.
    if (!file.startsWith(PACKAGE_PREFIX)) program.files.set(file, compiled);
    for (const specifier of module.dependencySpecifiers) {
      const target = targetOf(specifier, file, path, files);
      if (modules.has(target)) continue;
      if (target.startsWith(PACKAGE_PREFIX)) {
        add(target, { code: files[target] as string, toOriginal: (place) => place });
        continue;
      }
      const language = target.endsWith('.ts') ? 'typescript' : 'javascript';
      add(target, compile({ language, kind: 'module', source: files[target] as string, path: target }));
    }
    return module;
  };
  const main = add(path, program.main);
  main.instantiateSync(context, (specifier, referrer) => {
    const from = paths.get(referrer) ?? path;
    return modules.get(targetOf(specifier, from, path, files)) as Module;
  });
  return main;
}

function targetOf(specifier: string, from: string, main: string, files: Record<string, string>): string {
  const packed = PACKAGE_PREFIX + specifier;
  // A package's modules import one another by `./name.js`, which for a script is a path.
  const isPackage = from.startsWith(PACKAGE_PREFIX) || !specifier.startsWith('.');
  if (isPackage && Object.hasOwn(files, packed)) return packed;
  const target = resolveImport(specifier, from, (path) => path === main || Object.hasOwn(files, path));
  if (target !== undefined) return target;
  if (/^\.\.?\//.test(specifier))
    throw new SyntaxFailure(
      `${from} imports '${specifier}', and the project has no such script.`,
      'Correct the path: it leads from the folder of the file that imports, and stays below scripts/.',
    );
  if (packageName(specifier) !== undefined)
    throw new SyntaxFailure(
      `${from} imports '${specifier}', and no such package was packed with the project.`,
      `List it in scripts/package.json and run "npm install --ignore-scripts" in scripts/; it is packed before a run here and before publishing. Node's own modules are not there; \`import type\` is fine.`,
    );
  throw new SyntaxFailure(
    `${from} imports '${specifier}', and scripts can import only scripts of the same project and packages.`,
    "Write a path, such as './lib.ts', or a package's name. Node's own modules are not there; `import type` is fine.",
  );
}

/** Where it happened while packages were loaded, and no script had begun. */
function packageText(stack: string): string {
  const name = /\bpackage:([@\w][\w@./~-]*):\d/.exec(stack)?.[1];
  if (name !== undefined) return ` (while the package ${name} was loaded)`;
  return /\bpackage:\.\//.test(stack) ? ' (while a package was loaded)' : '';
}

/** The place of a failure in the person's own files, as `(path:line:column)`, or nothing. */
export function placeText(stack: string, { files }: Program): string {
  const place = placeIn(stack, [...files.keys()]);
  if (!place) return packageText(stack);
  const { line, column } = files.get(place.path)?.toOriginal(place) ?? place;
  return line < 1 ? '' : ` (${place.path}:${line}:${column})`;
}
