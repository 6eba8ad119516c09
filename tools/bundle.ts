// Puts the tool's modules together into few files, bundle/ beside what tsc made: Node takes about half a millisecond to load a module,
// whatever is in it, and a session needs more than a hundred. `npm run build` runs it.
import { dirname, join, resolve } from 'node:path';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import { type BuildOptions, type CodeSplittingGroup, build } from 'rolldown';

/** The folder that tsc wrote to. */
const compiled = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const module = (name: string): string => join(compiled, 'src', `${name}.js`);

/** What runs first, to get the rest going. */
const first = ['repl/cli', 'repl/load-ahead', 'vfio/sim/open'];
/** What every session comes to load, whatever it does. */
const always = [
  'repl/front',
  'repl/commands/access',
  'vfio/open',
  'vfio/transport/vfio-user',
  'vfio/sim/host',
  'vfio/profile/use',
  'vfio/index',
];

/** The modules that `roots` import, and those that these import, and so on; imports on demand do not count. */
function closure(roots: readonly string[], imports: (id: string) => readonly string[]): ReadonlySet<string> {
  const found = new Set<string>();
  const open = roots.map(module);
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (found.has(id)) continue;
    found.add(id);
    open.push(...imports(id));
  }
  return found;
}

/** One chunk for all that `roots` import. What is left and imported on demand becomes a chunk by itself. */
function together(chunk: string, priority: number, roots: readonly string[]): CodeSplittingGroup {
  let modules: ReadonlySet<string> | undefined;
  return {
    debugName: chunk,
    priority,
    name(id, context) {
      modules ??= closure(roots, (each) => context.getModuleInfo(each)?.importedIds ?? []);
      return modules.has(id) ? chunk : null;
    },
  };
}

const folder = join(compiled, 'bundle');

const common = {
  platform: 'node',
  // Packages stay what they are, in node_modules; but of valibot, which takes 10 ms to load as a whole, what is used goes in.
  external: (id: string): boolean => /^[^./]/.test(id) && id !== 'valibot',
  // What is imported on demand in one place and at once in another is, by design, in a chunk that is there anyway.
  checks: { ineffectiveDynamicImport: false },
} satisfies BuildOptions;

/** A thread shares no modules with the one that starts it: a file that holds all it needs. */
function thread(name: string, entry: string): BuildOptions {
  return { ...common, input: { [name]: module(entry) }, output: { dir: folder, codeSplitting: false } };
}

/** Makes bundle/: main.js, the tool, and index.js, the package's API, with the chunks that they share; a file for each thread. */
export async function bundle(): Promise<void> {
  await build({
    ...common,
    input: { main: module('repl/main'), index: module('vfio/index') },
    output: {
      dir: folder,
      cleanDir: true,
      chunkFileNames: '[name].js',
      codeSplitting: { groups: [together('start', 2, first), together('session', 1, always)] },
    },
  });
  await build([thread('worker', 'vfio/sim/worker'), thread('pump-worker', 'vfio/sys/pump-worker')]);
}

if (argv[1] !== undefined && resolve(argv[1]) === fileURLToPath(import.meta.url)) await bundle();
