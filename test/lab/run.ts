import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { LabError } from './command.js';
import { prepare } from './guest.js';
import { requirements as compiler } from './device-tree-compiler.js';
import { requirements as tmux } from './host/tmux.js';
import { builtKernel, type Arch } from './kernel.js';
import { ensure } from './packages.js';
import { buildFolder, cacheFolder } from './project.js';
import { removeAbandoned } from './work-folder.js';

const USAGE = `usage: npm run lab -- [--verbose] [--build-kernels] [host|x86_64|arm64] [NAME...]

Runs the tests of test/lab, in a terminal of this machine (host) and in guests that it boots under QEMU: all, those of one place, or those
whose name contains NAME.
  --verbose        show the guests' consoles and output while they run
  --build-kernels  build the kernels into .lab (unless they are there) and end; prebuilt ones are not looked at
VFIODBG_LAB_KERNELS names a folder of prebuilt kernels (x86_64-bzImage, arm64-Image.gz).`;

/** Where a test runs: in a guest, or on the machine itself. */
type Place = Arch | 'host';

const PLACES: readonly Place[] = ['host', 'x86_64', 'arm64'];

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  // Anything but a LabError is a bug of the lab, and its place matters.
  process.stderr.write(
    `lab: ${error instanceof LabError ? error.message : String(error instanceof Error ? error.stack : error)}\n`,
  );
  return 1;
});

async function main(args: readonly string[]): Promise<number> {
  const request = parse(args);
  if (typeof request === 'string') {
    process.stderr.write(`${request}\n\n${USAGE}\n`);
    return 2;
  }
  if (request.help) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  if (request.buildKernels) {
    for (const arch of request.places) if (arch !== 'host') say(`kernel: ${await builtKernel(arch, say)}`);
    return 0;
  }
  await removeAbandoned(join(cacheFolder, 'results'));
  const files = request.places.flatMap((place) => testFiles(place, request.names));
  if (files.length === 0) {
    const all = PLACES.flatMap((place) => testFiles(place, []).map((file) => `${place} ${testName(file)}`));
    throw new LabError(`no test matches ${request.names.join(' ')}. There are:\n  ${all.join('\n  ')}`);
  }
  for (const place of request.places.filter((each) => testFiles(each, request.names).length > 0)) {
    if (place === 'host') await ensure([...tmux, ...compiler], say);
    else say(`${place} kernel: ${(await prepare(place, say)).kernel}`);
  }
  return runTests(files, request.verbose);
}

interface Request {
  places: readonly Place[];
  names: readonly string[];
  verbose: boolean;
  buildKernels: boolean;
  help: boolean;
}

/** The request, or what is wrong with it. */
function parse(args: readonly string[]): Request | string {
  const options = {
    verbose: { type: 'boolean', default: false },
    'build-kernels': { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  } as const;
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
    const chosen = PLACES.filter((place) => positionals.includes(place));
    const names = positionals.filter((word) => !PLACES.some((place) => place === word));
    const { verbose, help } = values;
    return { places: chosen.length > 0 ? chosen : PLACES, names, verbose, help, buildKernels: values['build-kernels'] };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function testFiles(place: Place, names: readonly string[]): string[] {
  const folder = join(buildFolder, 'test/lab', place);
  return readdirSync(folder)
    .filter((file) => file.endsWith('.lab.js'))
    .filter((file) => names.length === 0 || names.some((name) => file.includes(name)))
    .sort()
    .map((file) => join(folder, file));
}

function testName(file: string): string {
  return file.replace(/^.*\//, '').replace('.lab.js', '');
}

/** One guest at a time: each has the processors that it asks for, and its test's time-outs hold. */
async function runTests(files: readonly string[], verbose: boolean): Promise<number> {
  const args = ['--enable-source-maps', '--test', '--test-concurrency=1', ...files];
  const env = { ...process.env, VFIODBG_LAB_VERBOSE: verbose ? '1' : '0' };
  const child = spawn(process.execPath, args, { stdio: 'inherit', env });
  return new Promise((done, fail) => {
    child.once('error', fail);
    child.once('close', (code) => done(code ?? 1));
  });
}

function say(line: string): void {
  process.stderr.write(`lab: ${line}\n`);
}
