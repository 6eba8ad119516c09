import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LabError } from './command.js';
import { platformDeviceTree } from './device-tree.js';
import { initrd } from './initrd.js';
import { kernelImage, type Arch } from './kernel.js';
import { ensure, type Requirement, type Say } from './packages.js';
import { cacheFolder, checkout } from './project.js';
import { readTrace, type TraceEntry } from './qemu-trace.js';
import { userland, type Userland } from './userland.js';
import { workFolder } from './work-folder.js';

export type { Arch } from './kernel.js';

export interface GuestOptions {
  arch: Arch;
  /** Names the folder of results; two guests of one process need two names. */
  name: string;
  /** Lines for /bin/sh. They run as root, in /run/lab (the folder of results), with Node on the PATH. */
  script: string;
  /** Further arguments of QEMU: `['-device', 'edu,addr=04.0']`. */
  devices?: readonly string[];
  /** Appended to the kernel's command line, where the last one wins: `intel_iommu=off`, `iommufd.allow_unsafe_interrupts=0`. */
  kernelArgs?: readonly string[];
  env?: Readonly<Record<string, string>>;
  /** Log every device access that QEMU emulates. */
  trace?: boolean;
  /** From QEMU's start to power-off; 240 by default. */
  timeoutSeconds?: number;
}

export interface GuestRun {
  /** The script's. */
  exitCode: number;
  /** What the script printed, on both streams. */
  output: string;
  /** What the kernel and init printed. */
  console: string;
  /** The folder on the host that is /run/lab in the guest. */
  results: string;
  /** Every device access and mark, in order; only with `trace`. */
  trace(): Promise<TraceEntry[]>;
}

/** A guest that is running. */
export interface Guest {
  qemu: ChildProcess;
  results: string;
  /** Rejects with a LabError when the guest ended without an exit code (panic, time-out, QEMU refused its arguments). */
  ended: Promise<GuestRun>;
}

interface Machine {
  program: string;
  arguments: readonly string[];
  kernelArgs: readonly string[];
  requirements: readonly Requirement[];
}

const MACHINES: Record<Arch, Machine> = {
  x86_64: {
    program: 'qemu-system-x86_64',
    arguments: ['-machine', 'q35,kernel-irqchip=split', '-device', 'intel-iommu,intremap=on,caching-mode=on'],
    // The check of the timer counts ticks against the clock, and panics where the emulation is held up by load.
    kernelArgs: ['console=ttyS0', 'intel_iommu=on', 'no_timer_check'],
    requirements: [
      { probe: 'qemu-system-x86_64', packages: ['qemu-system-x86', 'seabios', 'ipxe-qemu'] },
      { probe: 'busybox', packages: ['busybox-static'] },
    ],
  },
  arm64: {
    program: 'qemu-system-aarch64',
    arguments: ['-machine', 'virt,iommu=smmuv3,gic-version=3', '-cpu', 'cortex-a57'],
    // Without the first, vfio-platform refuses a device that has no reset driver; without the others, VFIO refuses a
    // device whose interrupts no IOMMU remaps. Each is a test of its own when switched off by `kernelArgs`.
    kernelArgs: [
      'console=ttyAMA0',
      'vfio_platform.reset_required=0',
      'vfio_iommu_type1.allow_unsafe_interrupts=1',
      'iommufd.allow_unsafe_interrupts=1',
    ],
    requirements: [
      { probe: 'qemu-system-aarch64', packages: ['qemu-system-arm', 'ipxe-qemu'] },
      { probe: 'fdtput', packages: ['device-tree-compiler'] },
    ],
  },
};

/** Two processors, so that a test and the interrupts of its device run at once; Node needs most of the memory. */
const SIZE = ['-accel', 'tcg', '-smp', '2', '-m', '2048'];
const DEFAULT_TIMEOUT_SECONDS = 240;
const SHOWN_ON_FAILURE = 3000;

interface Prepared {
  kernel: string;
  userland: Userland;
}

/** Installs, downloads and builds whatever guests of this kind need; quick when it is all there. */
export async function prepare(arch: Arch, say: Say): Promise<Prepared> {
  await ensure(MACHINES[arch].requirements, say);
  return { kernel: await kernelImage(arch, say), userland: await userland(arch, say) };
}

/** Boots a guest, runs the script in it, and waits for the power-off. */
export async function runGuest(options: GuestOptions): Promise<GuestRun> {
  return (await startGuest(options)).ended;
}

export async function startGuest(options: GuestOptions): Promise<Guest> {
  const { kernel, userland: programs } = await prepare(options.arch, (line) => process.stderr.write(`lab: ${line}\n`));
  const machine = MACHINES[options.arch];
  const folder = join(cacheFolder, 'results', `${options.arch}-${options.name}`);
  const results = await workFolder(folder);
  const files = await workFolder(`${folder}.qemu`);
  await writeFile(join(results, 'settings'), `CHECKOUT=${quote(checkout)}\nNODE=${quote(programs.node)}\n`);
  await writeFile(join(results, 'script'), guestScript(options, programs));
  await writeFile(join(files, 'initrd'), await initrd(programs.busybox));

  const base = [...machine.arguments, ...SIZE, '-nodefaults', '-no-reboot'];
  const kernelArgs = [...machine.kernelArgs, 'panic=-1', 'quiet', 'printk.devkmsg=on', ...(options.kernelArgs ?? [])];
  const qemuArguments = [
    ...base,
    '-display',
    'none',
    '-serial',
    `file:${join(files, 'console')}`,
    '-kernel',
    kernel,
    '-initrd',
    join(files, 'initrd'),
    '-append',
    kernelArgs.join(' '),
    ...share('exchange', results, 'readonly=off'),
    ...share('host', programs.root, 'readonly=on,multidevs=remap'),
    ...share('checkout', checkout, 'readonly=on,multidevs=remap'),
    ...(options.devices ?? []),
  ];
  if (options.arch === 'arm64') qemuArguments.push('-dtb', await platformDeviceTree(base, files));
  const traceFile = join(files, 'trace');
  if (options.trace === true) qemuArguments.push('-d', 'trace:memory_region_ops_*', '-D', traceFile);

  // timeout(1) and not a timer here: it ends the guest even if this process is killed.
  const seconds = options.timeoutSeconds ?? DEFAULT_TIMEOUT_SECONDS;
  const qemu = spawn('timeout', ['--foreground', '-s', 'KILL', String(seconds), machine.program, ...qemuArguments], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const stop = (): boolean => qemu.kill();
  process.once('exit', stop);
  const ended = watch(qemu, options.name, seconds, results, files).finally(() => process.off('exit', stop));
  if (process.env['VFIODBG_LAB_VERBOSE'] === '1') {
    follow(qemu, [join(files, 'console'), join(results, 'output')]).catch(() => undefined);
  }
  return { qemu, results, ended };
}

/** Waits for QEMU's end and collects what the guest left. */
async function watch(
  qemu: ChildProcess,
  name: string,
  seconds: number,
  results: string,
  files: string,
): Promise<GuestRun> {
  let complaint = '';
  for (const stream of [qemu.stdout, qemu.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => (complaint += text));
  }
  const status = await new Promise<string>((done, fail) => {
    qemu.once('error', (error) => fail(new LabError(`the guest could not be started: ${error.message}`)));
    qemu.once('close', (code, signal) => done(signal ?? String(code)));
  });
  const console = await contents(join(files, 'console'));
  const output = await contents(join(results, 'output'));
  const exitCode = await contents(join(results, 'exit-code'));
  if (exitCode === '') {
    const why =
      status === 'SIGKILL' || status === '137' ? `was ended after ${seconds} s` : `ended early (QEMU: ${status})`;
    const parts = [`the guest '${name}' ${why}`, section('QEMU', complaint), section('console', console)];
    throw new LabError([...parts, section('output', output), `results: ${results}`].filter(Boolean).join('\n'));
  }
  const trace = (): Promise<TraceEntry[]> => readTrace(join(files, 'trace'));
  return { exitCode: Number(exitCode), output, console, results, trace };
}

function section(title: string, content: string): string {
  return content.trim() === '' ? '' : `--- ${title} (its end) ---\n${content.trimEnd().slice(-SHOWN_ON_FAILURE)}`;
}

async function contents(file: string): Promise<string> {
  return existsSync(file) ? readFile(file, 'utf8') : '';
}

function share(tag: string, folder: string, options: string): string[] {
  return ['-virtfs', `local,path=${folder.replaceAll(',', ',,')},mount_tag=${tag},security_model=none,${options}`];
}

function guestScript(options: GuestOptions, programs: Userland): string {
  const env: Record<string, string> = {
    PATH: `${programs.node}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/busybox`,
    HOME: '/run/home',
    TERM: 'xterm-256color',
    ...options.env,
  };
  const lines = Object.entries(env).map(([name, value]) => `export ${name}=${quote(value)}`);
  return [...lines, 'cd /run/lab', options.script, ''].join('\n');
}

/** A word for /bin/sh. */
export function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** Prints what is appended to the files while QEMU runs. */
async function follow(qemu: ChildProcess, files: readonly string[]): Promise<void> {
  const shown = files.map(() => 0);
  for (let last = false; ;) {
    for (const [index, file] of files.entries()) {
      if (!existsSync(file)) continue;
      const handle = await open(file);
      try {
        const { size } = await handle.stat();
        const from = shown[index] ?? 0;
        const chunk = Buffer.alloc(Math.max(0, size - from));
        await handle.read(chunk, 0, chunk.length, from);
        shown[index] = size;
        if (chunk.length > 0) process.stderr.write(chunk);
      } finally {
        await handle.close();
      }
    }
    if (last) return;
    last = qemu.exitCode !== null || qemu.signalCode !== null;
    if (!last) await sleep(200);
  }
}
