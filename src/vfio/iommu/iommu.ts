import { findDevice, type BusDevice } from '../bus/bus-device.js';
import { systemRoots, type Roots } from '../bus/roots.js';
import type { Mapping } from '../dma/mapping.js';
import type { Neighbours } from '../dma/ledger.js';
import { provideIommu } from '../device.js';
import { VfioError } from '../errors.js';
import type { Journal } from '../journal.js';
import { pageSize } from '../sys/libc.js';
import type { Transport } from '../transport/transport.js';
import { describeIommu, type IommuDescription } from './description.js';
import type { Identity } from './fault-owner.js';
import { Faults } from './faults.js';
import { describeGroup } from './group-list.js';
import { Pagemap } from './pagemap.js';
import { TableParser, type Leaf, type TableHeader } from './page-table.js';
import { reservedRegions, type ReservedRegion } from './reserved-regions.js';
import { streamIdsOf } from './stream-id.js';
import { readTable, tableFile, type NoTables } from './table-file.js';
import { unitOf } from './unit.js';
import { Comparer, type Comparison, type ExpectedMapping } from './verify.js';

/** A mapping, with the memory behind it where it still has any. */
export interface MappedMemory extends Mapping {
  readonly buffer?: { readonly memory?: { readonly address: number } | undefined };
}

/** What is mapped for the device. */
export interface MappingSource {
  readonly mappings: Iterable<MappedMemory>;
  readonly count: number;
  /** Bytes that are mapped. */
  readonly bytes: number;
  neighbours(iova: bigint): Neighbours<Mapping>;
}

export interface IommuHost {
  readonly name: string;
  readonly transport: Transport;
  readonly journal: Journal;
  readonly mapped: MappingSource;
}

/** Where an IOVA leads. */
export interface Translation {
  readonly iova: bigint;
  /** The mapping that it falls in, or the nearest ones. */
  readonly neighbours: Neighbours<Mapping>;
  /** The usable range and the reserved region that it lies in. */
  readonly reserved?: ReservedRegion;
  readonly usable: boolean;
  /** What the hardware's tables say; why they cannot be seen, otherwise. */
  readonly tables: TableLookup | NoTables;
}

export interface TableLookup {
  readonly file: string;
  readonly header?: TableHeader;
  /** The leaf that translates it; undefined where the tables do not. */
  readonly leaf?: Leaf;
  /** Lines of the file that could not be made sense of. */
  readonly damaged: number;
}

export interface Verification extends Comparison {
  readonly file: string;
  readonly damaged: number;
  /** Differences beyond those that are listed. */
  readonly unlisted: number;
  /** Mappings that were compared. */
  readonly mappings: number;
}

/** The IOMMU's side of one device: what it is, where it leads, and what it refused. Reads files only; the device is never touched. */
export class Iommu {
  readonly faults: Faults;
  readonly #host: IommuHost;
  readonly #roots: Roots;
  #reserved: readonly ReservedRegion[] | undefined;

  constructor(host: IommuHost, roots: Roots = systemRoots) {
    this.#host = host;
    this.#roots = roots;
    this.faults = new Faults({
      name: host.name,
      journal: host.journal,
      roots,
      identity: () => this.#identity(),
      mappings: () => host.mapped,
      reserved: () => this.reserved,
    });
  }

  /** IOVA that the kernel keeps from being mapped; empty where no IOMMU of this kernel translates. */
  get reserved(): readonly ReservedRegion[] {
    const { group } = this.#host.transport;
    this.#reserved ??= group === undefined ? [] : reservedRegions(group, this.#roots);
    return this.#reserved;
  }

  /** The device as sysfs has it; undefined for one that is not of this kernel, or is gone. */
  device(): BusDevice | undefined {
    const { via } = this.#host.transport;
    if (via !== 'group' && via !== 'cdev') return undefined;
    try {
      return findDevice(this.#host.name, this.#roots);
    } catch (error) {
      if (error instanceof VfioError) return undefined;
      throw error;
    }
  }

  describe(): IommuDescription {
    const { transport } = this.#host;
    return describeIommu({ transport, device: this.device(), mappings: this.#host.mapped, roots: this.#roots });
  }

  /** Looks an IOVA up in the mappings, and in the hardware's tables where the kernel shows them. */
  translate(iova: bigint): Translation {
    const reserved = this.reserved.find(({ first, last }) => first <= iova && iova <= last);
    const { ranges } = this.#host.transport.dmaLimits();
    return {
      iova,
      neighbours: this.#host.mapped.neighbours(iova),
      ...(reserved !== undefined && { reserved }),
      usable: ranges.length === 0 || ranges.some(({ first, last }) => first <= iova && iova <= last),
      tables: this.#lookUp(iova),
    };
  }

  #lookUp(iova: bigint): TableLookup | NoTables {
    const file = this.#tableFile();
    if (typeof file !== 'string') return file;
    const parser = new TableParser(this.#host.name);
    let found: Leaf | undefined;
    for (const leaves of readTable(file, this.#host.name, parser)) {
      const last = leaves.at(-1);
      if (last === undefined || last.iova + BigInt(last.size) <= iova) continue;
      found = leaves.find((leaf) => leaf.iova <= iova && iova < leaf.iova + BigInt(leaf.size));
      break;
    }
    const { header, damaged } = parser;
    return { file, damaged, ...(header !== undefined && { header }), ...(found !== undefined && { leaf: found }) };
  }

  #tableFile(): string | NoTables {
    const { via } = this.#host.transport;
    const device = this.device();
    if (device === undefined || device.noIommu) {
      return { kind: 'unsupported', why: `no IOMMU of this kernel translates for it (${via})` };
    }
    return tableFile(device.name, unitOf(device), this.#roots);
  }

  /**
   * Compares the mappings with the hardware's tables, or with a copy of them in `copy`. Gives way between batches by awaiting `breathe`.
   * Rejects with a VfioError where there are no tables to be seen.
   */
  async verify(breathe: () => Promise<void> = async () => {}, copy?: string): Promise<Verification> {
    const { name } = this.#host;
    const file = copy ?? this.#tableFile();
    if (typeof file !== 'string') throw new VfioError({ operation: 'verify the mappings', device: name, ...file });
    const pagemap = Pagemap.open(this.#roots);
    try {
      const parser = new TableParser(name);
      const comparer = this.#comparer(pagemap);
      for (const leaves of readTable(file, name, parser)) {
        for (const leaf of leaves) comparer.push(leaf);
        await breathe();
      }
      const { damaged, header } = parser;
      if (copy !== undefined && header === undefined) throw notInCopy(copy, name);
      const compared = comparer.finish();
      return { ...compared, file, damaged, unlisted: comparer.unlisted, mappings: this.#host.mapped.count };
    } finally {
      pagemap?.close();
    }
  }

  #comparer(pagemap: Pagemap | undefined): Comparer {
    return new Comparer({
      mappings: Array.from(this.#host.mapped.mappings, expected),
      reserved: this.reserved,
      pageSize: pageSize(),
      // Linux's driver of VT-d sets bit 0 in every entry: the present bit of first-stage tables, the read bit of second-stage ones.
      readImplied: true,
      ...(pagemap !== undefined && { physicalOf: pagemap.physicalOf }),
    });
  }

  close(): void {
    this.faults.close();
  }

  #identity(): Identity | undefined {
    const device = this.device();
    if (device?.iommuGroup === undefined || device.noIommu) return undefined;
    const { members } = describeGroup(device.iommuGroup, this.#roots);
    const streams = streamIdsOf(device, this.#roots);
    return {
      device,
      neighbours: members.map(({ name }) => name).filter((name) => name !== device.name),
      ...(streams !== undefined && { streams }),
    };
  }
}

function notInCopy(file: string, device: string): VfioError {
  return new VfioError({
    kind: 'absent',
    operation: 'verify the mappings',
    device,
    why: `${file} has no part about this device`,
    hint: 'copy /sys/kernel/debug/iommu/intel/DEVICE/domain_translation_struct with cat, not by its size, which is 0',
  });
}

function expected({ name, iova, size, prot, buffer }: MappedMemory): ExpectedMapping {
  const address = buffer?.memory?.address;
  return {
    name,
    iova,
    size,
    readable: prot !== 'w',
    writable: prot !== 'r',
    ...(address !== undefined && { address }),
  };
}

provideIommu((device) => new Iommu(device));
