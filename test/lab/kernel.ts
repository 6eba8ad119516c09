import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, readFileSync } from 'node:fs';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { LabError, run } from './command.js';
import { ensure, unpackDebs, type Requirement, type Say } from './packages.js';
import { cacheFolder, checkout, labSources } from './project.js';
import { removeAbandoned, workFolder } from './work-folder.js';

export type Arch = 'x86_64' | 'arm64';

/** The source package. Debian's own kernels lack IOMMUFD, VFIO_NOIOMMU, VFIO_PLATFORM and VFIO_AMBA. */
const SOURCE = 'linux-source-6.12';

interface Build {
  /** The image's name in a folder of prebuilt kernels. */
  image: string;
  /** The value of ARCH= for the kernel's makefiles. */
  make: string;
  target: string;
  output: string;
  fragments: readonly string[];
  cross: string;
  requirements: readonly Requirement[];
}

const TOOLS: readonly Requirement[] = [
  { probe: 'gcc', packages: ['gcc', 'libc6-dev'] },
  { probe: 'make', packages: ['make'] },
  { probe: 'flex', packages: ['flex'] },
  { probe: 'bison', packages: ['bison'] },
  { probe: 'bc', packages: ['bc'] },
  { probe: 'xz', packages: ['xz-utils'] },
  { probe: '/usr/include/gelf.h', packages: ['libelf-dev'] },
  { probe: '/usr/include/openssl/opensslv.h', packages: ['libssl-dev'] },
];

const BUILDS: Record<Arch, Build> = {
  x86_64: {
    image: 'x86_64-bzImage',
    make: 'x86',
    target: 'bzImage',
    output: 'arch/x86/boot/bzImage',
    fragments: ['common.config', 'x86.config'],
    cross: process.arch === 'x64' ? '' : 'x86_64-linux-gnu-',
    requirements:
      process.arch === 'x64'
        ? TOOLS
        : [...TOOLS, { probe: 'x86_64-linux-gnu-gcc', packages: ['gcc-x86-64-linux-gnu'] }],
  },
  arm64: {
    image: 'arm64-Image.gz',
    make: 'arm64',
    target: 'Image.gz',
    output: 'arch/arm64/boot/Image.gz',
    fragments: ['common.config', 'arm.config'],
    cross: process.arch === 'arm64' ? '' : 'aarch64-linux-gnu-',
    requirements:
      process.arch === 'arm64'
        ? TOOLS
        : [...TOOLS, { probe: 'aarch64-linux-gnu-gcc', packages: ['gcc-aarch64-linux-gnu'] }],
  },
};

/**
 * The kernel image for a guest: from the folder that VFIODBG_LAB_KERNELS names, else from ../shared/lab beside the
 * checkout, else from the cache, else built into the cache (five to ten minutes on two cores).
 */
export async function kernelImage(arch: Arch, say: Say): Promise<string> {
  const { image } = BUILDS[arch];
  const given = process.env['VFIODBG_LAB_KERNELS'];
  if (given !== undefined && given !== '') {
    const file = resolve(given, image);
    if (!existsSync(file)) throw new LabError(`VFIODBG_LAB_KERNELS=${given} has no ${image}: put it there or unset it`);
    return file;
  }
  const shared = resolve(checkout, '../shared/lab', image);
  if (existsSync(shared)) return shared;
  return builtKernel(arch, say);
}

/** The image in the cache, built first if there is none of the present configuration. */
export async function builtKernel(arch: Arch, say: Say): Promise<string> {
  const folder = join(cacheFolder, 'kernels');
  const image = join(folder, `${BUILDS[arch].image}-${configurationChecksum(arch)}`);
  if (existsSync(image)) return image;
  await mkdir(folder, { recursive: true });
  const log = join(folder, `${arch}.log`);
  say(`building the ${arch} kernel from ${SOURCE}: five to ten minutes on two cores; log in ${log}`);
  await removeAbandoned(folder);
  const work = await workFolder(join(folder, arch));
  try {
    const output = await build(arch, work, log, say);
    // Into place by rename: a build that was cut short is never taken for an image.
    await rename(output, image);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return image;
}

/** Names an image after what it was configured from, so that a changed fragment leads to a new build. */
function configurationChecksum(arch: Arch): string {
  const hash = createHash('sha256').update(SOURCE);
  for (const fragment of BUILDS[arch].fragments) hash.update(readFileSync(join(labSources, 'kernel', fragment)));
  return hash.digest('hex').slice(0, 12);
}

async function build(arch: Arch, work: string, log: string, say: Say): Promise<string> {
  const { make, target, output, fragments, cross, requirements } = BUILDS[arch];
  await ensure(requirements, say);
  const tree = await unpackSource(work);
  for (const fragment of fragments) copyFileSync(join(labSources, 'kernel', fragment), join(tree, fragment));
  const options = [`ARCH=${make}`, `CROSS_COMPILE=${cross}`, 'KBUILD_BUILD_USER=vfiodbg', 'KBUILD_BUILD_HOST=lab'];
  await run('make', [...options, 'tinyconfig'], { cwd: tree });
  await run('sh', ['scripts/kconfig/merge_config.sh', '-m', '.config', ...fragments], { cwd: tree });
  await run('make', [...options, 'olddefconfig'], { cwd: tree });
  await checkConfiguration(tree, fragments);
  const jobs = process.env['VFIODBG_LAB_JOBS'] ?? String(availableParallelism());
  await run('make', [...options, `-j${jobs}`, target], { cwd: tree, log });
  return join(tree, output);
}

async function unpackSource(work: string): Promise<string> {
  const name = `${SOURCE}.tar.xz`;
  let archive = join('/usr/src', name);
  if (!existsSync(archive)) {
    const unpacked = join(work, 'package');
    await unpackDebs([SOURCE], unpacked);
    archive = join(unpacked, 'usr/src', name);
  }
  // The documentation is a tenth of the tree and not needed, but for the Kconfig file at its top.
  await run('tar', ['-xf', archive, '-C', work, `--exclude=${SOURCE}/Documentation/*/*`]);
  return join(work, SOURCE);
}

/** olddefconfig silently drops an option whose dependencies are not met; the guests would fail on it much later. */
async function checkConfiguration(tree: string, fragments: readonly string[]): Promise<void> {
  const configured = new Set((await readFile(join(tree, '.config'), 'utf8')).split('\n'));
  for (const fragment of fragments) {
    const wanted = (await readFile(join(tree, fragment), 'utf8'))
      .split('\n')
      .filter((line) => /^CONFIG_\w+=/.test(line));
    const dropped = wanted.filter((line) => !configured.has(line));
    if (dropped.length > 0) {
      const file = join(labSources, 'kernel', fragment);
      throw new LabError(`the kernel's configuration dropped ${dropped.join(', ')} (${file}): a dependency is missing`);
    }
  }
}
