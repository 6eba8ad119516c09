import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, lstatSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeFolder } from '../../folder.js';
import { cacheFolder } from '../../home.js';
import type { FieldDescription, WriteConstraint } from '../register-map.js';
import type { Sketch } from '../sketch.js';
import type { FileStamp } from '../../plain-file.js';
import type { SvdContents, SvdDevice } from './svd-device.js';

/** Files that are kept; the oldest go. */
const MOST_FILES = 32;

/** The device of a file that was read before, and the registers of its peripherals, each decoded when it is first asked for. */
export interface Kept {
  readonly device: SvdDevice;
  registersOf(index: number): readonly Sketch[];
}

/** As JSON holds it. */
type Plain<T> = T extends bigint ? string : T extends object ? { readonly [K in keyof T]: Plain<T[K]> } : T;

interface Header {
  /** The build of the reader that made it: another may make something else of the same file. */
  readonly build: string;
  readonly path: string;
  readonly stamp: Plain<FileStamp>;
  readonly device: SvdDevice;
  /** Bytes of each peripheral's registers, one behind the other. */
  readonly lengths: readonly number[];
}

/**
 * Files that were parsed before, in $XDG_CACHE_HOME/vfiodbg/svd: a line with the digest of all behind it, one of JSON with
 * the device, and one for each peripheral, of which only those that are asked for are decoded. What cannot be used is ignored; nothing here fails.
 */
export class SvdCache {
  readonly #given: string | undefined;

  constructor(folder?: string) {
    this.#given = folder;
  }

  /** Throws VfioError where the user has no home folder. */
  get #folder(): string {
    return this.#given ?? join(cacheFolder(), 'svd');
  }

  /** What is known of the file `path` (an absolute one), if it is still the one that was read. */
  find(path: string, stamp: FileStamp): Kept | undefined {
    try {
      if (!this.#isOurs()) return undefined;
      const bytes = readFileSync(this.#fileOf(stamp));
      const start = bytes.indexOf(0x0a) + 1;
      if (bytes.toString('latin1', 0, start - 1) !== digestOf(bytes.subarray(start))) return undefined;
      const end = bytes.indexOf(0x0a, start);
      const header: Header = JSON.parse(bytes.toString('utf8', start, end));
      const own: Plain<FileStamp> = plainStamp(stamp);
      const same = (Object.keys(own) as (keyof FileStamp)[]).every((key) => header.stamp[key] === own[key]);
      if (header.build !== buildOf() || header.path !== path || !same) return undefined;
      const starts = [end + 1];
      for (const length of header.lengths) starts.push((starts.at(-1) ?? 0) + length);
      if (starts.at(-1) !== bytes.length || header.lengths.length !== header.device.peripherals.length)
        return undefined;
      return {
        device: header.device,
        registersOf: (index) => {
          const lines: readonly Plain<Sketch>[] = JSON.parse(bytes.toString('utf8', starts[index], starts[index + 1]));
          return lines.map(revived);
        },
      };
    } catch {
      return undefined;
    }
  }

  keep(path: string, stamp: FileStamp, { device, registers }: SvdContents): void {
    try {
      makeFolder(this.#folder, 0o700);
      if (!this.#isOurs()) return;
      const lines = registers.map((sketches) => Buffer.from(`${JSON.stringify(sketches, plain)}\n`));
      const lengths = lines.map(({ length }) => length);
      const header: Header = { build: buildOf(), path, stamp: plainStamp(stamp), device, lengths };
      const body = Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), ...lines]);
      const file = this.#fileOf(stamp);
      const part = `${file}.${randomBytes(4).toString('hex')}.part`;
      writeFileSync(part, Buffer.concat([Buffer.from(`${digestOf(body)}\n`), body]), { mode: 0o600, flag: 'wx' });
      renameSync(part, file);
      this.#tidy();
    } catch {
      // A cache that cannot be written costs time only.
    }
  }

  #fileOf({ device, inode }: FileStamp): string {
    return join(this.#folder, `${device.toString(16)}-${inode.toString(16)}.svd`);
  }

  /** Whether the folder is there, and nobody else can put files into it. */
  #isOurs(): boolean {
    const found = lstatSync(this.#folder);
    if (!found.isDirectory() || found.uid !== process.getuid?.()) return false;
    if ((found.mode & 0o077) !== 0) chmodSync(this.#folder, 0o700);
    return true;
  }

  #tidy(): void {
    const files = readdirSync(this.#folder).map((name) => join(this.#folder, name));
    const byAge = files
      .map((file) => ({ file, age: statSync(file).mtimeMs }))
      .sort((one, other) => other.age - one.age);
    for (const { file } of byAge.slice(MOST_FILES)) rmSync(file, { force: true });
  }
}

/** The size too: reproducible packages give all their files one time. */
function buildOf(): string {
  const { mtimeMs, size } = statSync(fileURLToPath(import.meta.url));
  return `${mtimeMs} ${size}`;
}

function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function plain(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? hex(value) : value;
}

function plainStamp({ device, inode, size, changed }: FileStamp): Plain<FileStamp> {
  return { device: hex(device), inode: hex(inode), size: hex(size), changed: hex(changed) };
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}

/** What was a bigint is one again. */
function revived(kept: Plain<Sketch>): Sketch {
  if (kept.kind === 'block') return { ...kept, children: kept.children.map(revived) };
  const { reset, resetMask, constraint, fields, ...rest } = kept;
  return {
    ...rest,
    ...(reset !== undefined && { reset: BigInt(reset) }),
    ...(resetMask !== undefined && { resetMask: BigInt(resetMask) }),
    ...(constraint !== undefined && { constraint: revivedConstraint(constraint) }),
    fields: fields.map(revivedField),
  };
}

function revivedField({ constraint, values, ...rest }: Plain<FieldDescription>): FieldDescription {
  return {
    ...rest,
    values: values.map(({ from, to, mask, ...value }) => ({
      ...value,
      from: BigInt(from),
      to: BigInt(to),
      ...(mask !== undefined && { mask: BigInt(mask) }),
    })),
    ...(constraint !== undefined && { constraint: revivedConstraint(constraint) }),
  };
}

function revivedConstraint(kept: Plain<WriteConstraint>): WriteConstraint {
  return kept.kind === 'range' ? { kind: 'range', from: BigInt(kept.from), to: BigInt(kept.to) } : kept;
}
