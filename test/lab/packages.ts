import { existsSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { findCommand, LabError, run } from './command.js';

/** A thing that must be on the machine (a command, or a file by its absolute path) and the Debian packages that bring it. */
export interface Requirement {
  probe: string;
  packages: readonly string[];
}

export type Say = (line: string) => void;

/** Installs what is missing when that can be done here, else a LabError that names the packages. */
export async function ensure(requirements: readonly Requirement[], say: Say): Promise<void> {
  const missing = requirements.filter((requirement) => !present(requirement.probe));
  if (missing.length === 0) return;
  const packages = [...new Set(missing.flatMap((requirement) => requirement.packages))];
  const install = `apt-get install --no-install-recommends ${packages.join(' ')}`;
  if (process.getuid?.() !== 0 || findCommand('apt-get') === undefined) {
    const names = missing.map((requirement) => requirement.probe).join(', ');
    throw new LabError(`the lab needs ${names}. On Debian, as root: ${install}`);
  }
  say(`installing ${packages.join(' ')}`);
  const options = ['-y', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=600'];
  const environment = { env: { DEBIAN_FRONTEND: 'noninteractive' } };
  try {
    await run('apt-get', ['install', ...options, ...packages], environment);
  } catch {
    // The package lists may be absent or older than the archive: fetch them and try once more.
    await run('apt-get', ['update'], environment);
    await run('apt-get', ['install', ...options, ...packages], environment);
  }
  const still = missing.filter((requirement) => !present(requirement.probe));
  if (still.length > 0)
    throw new LabError(`${install} succeeded, but ${still.map((r) => r.probe).join(', ')} is missing`);
}

function present(probe: string): boolean {
  return probe.startsWith('/') ? existsSync(probe) : findCommand(probe) !== undefined;
}

/**
 * Downloads Debian packages and unpacks them into `into` without installing them, so it needs no root. With `architecture`
 * (`arm64`) they are those of another architecture, by package lists of the lab's own: the machine's apt stays as it is.
 */
export async function unpackDebs(names: readonly string[], into: string, architecture?: string): Promise<void> {
  for (const command of ['apt-get', 'dpkg']) {
    if (findCommand(command) === undefined) {
      throw new LabError(`${command} is missing: the lab takes ${names.join(', ')} from Debian's archive`);
    }
  }
  const work = join(into, 'debs');
  await mkdir(join(work, 'lists/partial'), { recursive: true });
  await mkdir(join(work, 'cache/archives/partial'), { recursive: true });
  // As root, apt downloads as the user _apt, who may not enter the checkout.
  const own = ['-o', 'APT::Sandbox::User='];
  if (architecture !== undefined) {
    own.push('-o', `APT::Architecture=${architecture}`, '-o', `APT::Architectures::=${architecture}`);
    own.push('-o', `Dir::State::Lists=${work}/lists`, '-o', `Dir::Cache=${work}/cache`);
    await run('apt-get', [...own, '-o', 'Acquire::Languages=none', 'update']);
  }
  await run('apt-get', [...own, 'download', ...names], { cwd: work });
  const debs = (await readdir(work)).filter((file) => file.endsWith('.deb'));
  if (debs.length !== names.length)
    throw new LabError(`apt-get download ${names.join(' ')} gave only ${debs.join(' ')}`);
  for (const deb of debs) await run('dpkg', ['-x', join(work, deb), into]);
  await rm(work, { recursive: true, force: true });
}
