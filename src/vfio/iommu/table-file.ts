import { closeSync, constants, fstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { Roots } from '../bus/roots.js';
import { exists } from '../bus/sysfs.js';
import { VfioError } from '../errors.js';
import { nearbyFiles } from '../nearby-files.js';
import { TableParser, type Leaf } from './page-table.js';
import type { IommuUnit } from './unit.js';

/** Read at a time: about 2,000 leaves. */
const CHUNK_BYTES = 256 * 1024;

/** Why the kernel shows no page tables, and what to do about it. */
export interface NoTables {
  readonly kind: 'absent' | 'permission' | 'unsupported';
  readonly why: string;
  readonly hint?: string;
}

/** The file with the page tables of a device; else why there is none. Looks at names only. */
export function tableFile(device: string, unit: IommuUnit | undefined, roots: Roots): string | NoTables {
  if (unit !== undefined && unit.kind !== 'vt-d') {
    return { kind: 'unsupported', why: `Linux shows the page tables of VT-d in debugfs, and none of ${unit.name}` };
  }
  const debug = join(roots.sys, 'kernel/debug');
  const names = namesIn(debug);
  if (names === 'EACCES' || names === 'EPERM') {
    return { kind: 'permission', why: `only root may look into ${debug}`, hint: 'run as root' };
  }
  if (typeof names === 'string' || names.length === 0) {
    return {
      kind: 'absent',
      why: `debugfs is not mounted on ${debug}`,
      hint: `as root: mount -t debugfs none ${debug}`,
    };
  }
  const folder = join(debug, 'iommu/intel');
  const files = [join(folder, device, 'domain_translation_struct'), join(folder, 'domain_translation_struct')];
  const file = files.find(exists);
  if (file !== undefined) return file;
  return {
    kind: 'unsupported',
    why: `${folder} shows no page tables of ${device}`,
    hint: exists(folder)
      ? 'the kernel lists PCI devices that VT-d translates, from Linux 5.6 on'
      : 'the kernel must be built with CONFIG_IOMMU_DEBUGFS and CONFIG_INTEL_IOMMU_DEBUGFS',
  };
}

/** The names in a directory, or the errno's name. */
function namesIn(path: string): string[] | string {
  try {
    return readdirSync(path);
  } catch (error) {
    return codeOf(error);
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'EIO';
}

/**
 * The leaves in `file` of `device`, batch by batch, in order of IOVA: the kernel walks the tables once, when the file is first read. The
 * parser knows the heading when the first batch has come. Throws a VfioError where the file cannot be read.
 */
export function* readTable(file: string, device: string, parser = new TableParser(device)): Generator<Leaf[]> {
  // The open of a pipe would wait for a writer; a device may have no end.
  const fd = attempt(file, device, () => openSync(file, constants.O_RDONLY | constants.O_NONBLOCK));
  try {
    if (!fstatSync(fd).isFile()) {
      throw new VfioError({ kind: 'unsupported', operation: `read ${file}`, device, why: 'it is no plain file' });
    }
    const chunk = Buffer.alloc(CHUNK_BYTES);
    for (;;) {
      const length = attempt(file, device, () => readSync(fd, chunk, 0, chunk.length, null));
      if (length === 0) break;
      yield parser.push(chunk.toString('latin1', 0, length));
    }
    yield parser.finish();
  } finally {
    closeSync(fd);
  }
}

function attempt<T>(file: string, device: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    const errno = codeOf(error);
    const refused = errno === 'EACCES' || errno === 'EPERM';
    const absent = errno === 'ENOENT';
    const near = absent ? nearbyFiles(file) : undefined;
    throw new VfioError({
      kind: refused ? 'permission' : absent ? 'absent' : 'kernel',
      operation: `read ${file}`,
      device,
      errno,
      why: refused
        ? 'the page tables are not shown to you'
        : absent
          ? 'there is no such file'
          : 'the page tables could not be read',
      ...(near !== undefined && { hint: near }),
      ...(refused && { hint: 'run as root; a kernel in lockdown mode shows them to nobody' }),
    });
  }
}
