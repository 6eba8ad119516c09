import { provideDma } from '../device.js';
import { VfioError } from '../errors.js';
import type { Gate } from '../gate.js';
import type { Iommu } from '../iommu/iommu.js';
import '../iommu/iommu.js';
import type { Journal } from '../journal.js';
import type { Space } from '../space.js';
import type { DmaLimits, Transport } from '../transport/transport.js';
import { arrayMemory } from './array-memory.js';
import { checkEntries, checkLocked, checkMemory } from './budget.js';
import { type BufferOwner, DmaBuffer } from './buffer.js';
import { checkWholePages, mapFile, unpinnable } from './file-memory.js';
import { HeldBack } from './held-back.js';
import { IovaSpace } from './iova-space.js';
import { Ledger, type Neighbours } from './ledger.js';
import { bytesText, type Mapping, type Protection, spanText } from './mapping.js';
import { Arena, makeMemory, mappingUnit, type Memory } from './memory.js';
import { memoryAccess } from './memory-access.js';
import { placeMapping, whereabouts } from './placement.js';
import { checkName, checkSize, hugePage, nameOfFile, type Place } from './request.js';

/** A mapping with the buffer that it maps. */
export interface Mapped extends Mapping {
  readonly buffer: DmaBuffer;
}

export interface MapOptions {
  /** Where the buffer is to begin for the device; the lowest place that fits, if left out. */
  readonly iova?: bigint | undefined;
  /** What the device may do; both by default. */
  readonly prot?: Protection | undefined;
  /** All of it below 4 GiB. */
  readonly low?: boolean | undefined;
}

export interface NamedMapOptions extends MapOptions {
  readonly name?: string | undefined;
}

export interface AllocOptions extends MapOptions {
  /** Made of huge pages. */
  readonly huge?: boolean | undefined;
  /** Poisoned pages on both sides, mapped as well. */
  readonly guard?: boolean | undefined;
}

/** What the DMA side needs of its device. */
export interface DmaHost {
  readonly name: string;
  readonly transport: Transport;
  readonly journal: Journal;
  readonly gate: Gate;
  readonly iommu: Iommu;
  addSpace(space: Space): () => void;
  findSpace(name: string): Space | undefined;
}

/**
 * Memory for the device: buffers, and the ledger of what is mapped. The ledger is true: a mapping is in it from when the kernel or the server
 * took it until it gave it back, and what was refused leaves no trace.
 */
export class Dma implements BufferOwner {
  readonly access = memoryAccess();
  readonly #host: DmaHost;
  readonly #ledger = new Ledger<Mapped>();
  readonly #buffers = new Map<string, { readonly buffer: DmaBuffer; readonly forget: () => void }>();
  readonly #arena = new Arena();
  /** Buffers that a dry run would have made: names and places, which nothing reaches. */
  readonly #rehearsed = new Set<DmaBuffer>();
  /** What the IOMMU side allowed when it was first asked, and how many mappings there were then. */
  #capacity: { readonly limits: DmaLimits; readonly made: number } | undefined;

  constructor(host: DmaHost) {
    this.#host = host;
    host.addSpace(new IovaSpace(this.#ledger, this));
  }

  get name(): string {
    return this.#host.name;
  }

  get journal(): Journal {
    return this.#host.journal;
  }

  get gate(): Gate {
    return this.#host.gate;
  }

  /** Asks what the IOMMU side allows now. Throws VfioError where there is no IOMMU. */
  limits(): DmaLimits {
    return this.#host.transport.dmaLimits();
  }

  /** The mappings, in order of address. */
  get mappings(): Iterable<Mapped> {
    return this.#ledger;
  }

  /** How many mappings there are. */
  get count(): number {
    return this.#ledger.count;
  }

  /** Bytes that are mapped, guards included. */
  get bytes(): number {
    return this.#ledger.bytes;
  }

  /** The buffers, in the order in which they were made, those that are not mapped included. */
  get buffers(): readonly DmaBuffer[] {
    return Array.from(this.#buffers.values(), ({ buffer }) => buffer);
  }

  /** The mapping that holds an address, or the nearest ones below and above. */
  neighbours(iova: bigint): Neighbours<Mapped> {
    return this.#ledger.neighbours(iova);
  }

  /** Where an address lies, in words: '0x11000 is 0x1000 past the end of ring (0x8000..0x10000)'. */
  whereabouts(iova: bigint): string {
    return whereabouts(iova, this.#ledger);
  }

  has(name: string): boolean {
    return this.#buffers.has(name);
  }

  /** The buffer of that name; throws VfioError where there is none. */
  find(name: string): DmaBuffer {
    const found = this.#buffers.get(name);
    if (found !== undefined) return found.buffer;
    const names = [...this.#buffers.keys()].slice(0, 8);
    throw new VfioError({
      kind: 'absent',
      ...this.#place('find', name),
      why: 'there is no such DMA buffer',
      hint: names.length === 0 ? `dma alloc ${name} 64K makes one` : `there are ${names.join(', ')}`,
    });
  }

  /**
   * Makes a buffer of zeros, `size` bytes of whole pages, and maps it. Throws VfioError with the numbers where it does not fit, before
   * the kernel is asked for the mapping; nothing is left behind then.
   */
  alloc(name: string, size: number, options: AllocOptions = {}): DmaBuffer {
    const place = this.#place('map', name);
    checkName(name, (other) => this.#host.findSpace(other), place);
    const { huge = false } = options;
    const unit = huge ? Math.max(this.#unit(), hugePage(place)) : this.#unit();
    checkSize(size, unit, place);
    checkMemory(size, place);
    const guard = options.guard === true ? unit : 0;
    const mapping = this.#plan({ name, size, guard, unit, kind: 'buffer' }, options);
    const memory = huge ? makeMemory(name, mapping.size, true) : this.#arena.make(name, mapping.size);
    try {
      return this.#add(mapping, memory, size);
    } catch (error) {
      memory.release();
      throw error;
    }
  }

  /**
   * Maps a file under a name, its own by default, for reading unless `prot` says otherwise: what the device writes is in the file. Throws
   * VfioError; nothing is left behind then.
   */
  mapFile(path: string, options: NamedMapOptions = {}): DmaBuffer {
    const name = options.name ?? nameOfFile(path);
    checkName(name, (other) => this.#host.findSpace(other), this.#place('map', name));
    const { prot = 'r' } = options;
    const unit = this.#unit();
    const file = mapFile(path, prot, unit);
    try {
      if (this.#host.transport.via === 'vfio-user') checkWholePages(file, path, unit);
      return this.#mapMemory(name, file, file.size, { ...options, prot });
    } catch (error) {
      file.release();
      throw unpinnable(error, path);
    }
  }

  /**
   * Maps a buffer that was unmapped, or the pages of an array of JavaScript, under `options.name`. An array that is not whole pages is refused;
   * those of a buffer are. Throws VfioError; nothing is left behind then.
   */
  map(what: DmaBuffer | Uint8Array, options: NamedMapOptions = {}): DmaBuffer {
    if (what instanceof DmaBuffer) return this.#remap(what, options);
    const memory = arrayMemory(what, this.#unit());
    const name = options.name ?? this.#freeName('array');
    checkName(name, (other) => this.#host.findSpace(other), this.#place('map', name));
    return this.#mapMemory(name, memory, memory.length, options);
  }

  #mapMemory(name: string, memory: Memory, size: number, options: MapOptions): DmaBuffer {
    const { length, kind } = memory;
    return this.#add(this.#plan({ name, size: length, guard: 0, unit: this.#unit(), kind }, options), memory, size);
  }

  #remap(buffer: DmaBuffer, options: MapOptions): DmaBuffer {
    const { name, memory, guard, kind } = buffer;
    const place = this.#place('map', name);
    if (memory === undefined || this.#buffers.get(name)?.buffer !== buffer) {
      throw new VfioError({ kind: 'absent', ...place, why: 'the buffer was freed', hint: 'make another' });
    }
    if (buffer.mapping !== undefined) {
      const why = `it is mapped at ${spanText(buffer.mapping)}`;
      throw new VfioError({ kind: 'busy', ...place, why, hint: `dma unmap ${name} takes it away from there` });
    }
    const prot = options.prot ?? (memory.writable ? 'rw' : 'r');
    if (!memory.writable && prot !== 'r') {
      const why = 'its file was opened for reading only';
      throw new VfioError({ kind: 'permission', ...place, why, hint: `dma free ${name}, and map the file again` });
    }
    const unit = guard > 0 ? guard : this.#unit();
    const mapping = this.#plan({ name, size: memory.length - 2 * guard, guard, unit, kind }, { ...options, prot });
    if (this.gate.planning && !this.#rehearsed.has(buffer)) throw new HeldBack();
    this.#map(mapping, memory, buffer);
    return buffer;
  }

  /** Takes a buffer away from the device; it keeps its memory and its name. Throws VfioError where that is refused; it stays mapped then. */
  unmap(buffer: DmaBuffer): void {
    const { name, mapping } = buffer;
    if (mapping === undefined) {
      const why = buffer.freed ? 'the buffer was freed' : 'it is not mapped';
      throw new VfioError({ kind: 'absent', ...this.#place('unmap', name), why, hint: 'maps shows what is mapped' });
    }
    const text = `unmap ${name}, ${bytesText(mapping.size)} at IOVA ${spanText(mapping)}`;
    const rehearsed = this.#rehearsed.has(buffer);
    if (!this.gate.admit('dma', text) && !rehearsed) return;
    if (!rehearsed) this.#host.transport.dmaUnmap(mapping.iova, mapping.size);
    this.#ledger.remove(mapping.iova);
    buffer.mapped(undefined);
    if (!rehearsed) this.journal.note('dma', text, { name, iova: mapping.iova, size: mapping.size });
  }

  /** Takes a buffer away from the device and gives its memory back. Throws VfioError where that is refused; all of it stays then. */
  free(buffer: DmaBuffer): void {
    if (buffer.mapping !== undefined) this.unmap(buffer);
    else this.gate.admit('dma', `free ${buffer.name}`);
    if (this.gate.planning && !this.#rehearsed.has(buffer)) return;
    this.#forget(buffer);
  }

  #forget(buffer: DmaBuffer): void {
    this.#buffers.get(buffer.name)?.forget();
    this.#buffers.delete(buffer.name);
    this.#rehearsed.delete(buffer);
    buffer.release();
  }

  /** Nothing is left of what dry runs would have made. */
  endRehearsal(): void {
    for (const buffer of this.#rehearsed) {
      if (buffer.mapping !== undefined) this.#ledger.remove(buffer.mapping.iova);
      buffer.mapped(undefined);
      this.#forget(buffer);
    }
  }

  /**
   * Gives all memory back, the last made first, once the transport is closed: that has taken every mapping away at once, and up to then the
   * server of a vfio-user device may have asked for memory by messages.
   */
  close(): void {
    for (const { buffer, forget } of [...this.#buffers.values()].toReversed()) {
      buffer.mapped(undefined);
      forget();
      buffer.release();
    }
    this.#buffers.clear();
    this.#rehearsed.clear();
    this.#ledger.clear();
    this.#arena.close();
  }

  /** Checks a mapping against every limit, chooses its address, and asks the gate. Throws HeldBack in a dry run that is no rehearsal. */
  #plan(
    what: Pick<Mapping, 'name' | 'kind' | 'guard' | 'size'> & { readonly unit: number },
    { iova, prot = 'rw', low }: MapOptions,
  ): Mapping {
    const { name, kind, guard } = what;
    const place = this.#place('map', name);
    const { via } = this.#host.transport;
    const { limits, made } = this.#limits();
    const left = limits.entriesLeft === undefined ? undefined : limits.entriesLeft + made - this.#ledger.count;
    checkEntries(left, this.#ledger.count, via, place);
    const at = placeMapping({ ...what, iova, low }, limits, this.#ledger, place);
    const mapping = { name, iova: at, size: what.size + 2 * guard, prot, kind, guard };
    checkLocked(mapping.size, via, place);
    if (!this.gate.admit('dma', mapText(mapping)) && this.gate.rehearsal === undefined) throw new HeldBack();
    return mapping;
  }

  /** Maps memory as a new buffer; where that is refused the memory is still the caller's. */
  #add(mapping: Mapping, memory: Memory, size: number): DmaBuffer {
    const { name, guard } = mapping;
    const buffer = new DmaBuffer({ name, memory, size, guard }, this);
    if (this.gate.planning) this.#rehearsed.add(buffer);
    this.#map(mapping, memory, buffer);
    this.#buffers.set(name, { buffer, forget: this.#host.addSpace(buffer) });
    return buffer;
  }

  #map(mapping: Mapping, { address, fd, fdOffset }: Memory, buffer: DmaBuffer): void {
    const { name, iova, size, prot } = mapping;
    const readable = prot !== 'w';
    const writable = prot !== 'r';
    const rehearsed = this.#rehearsed.has(buffer);
    if (!rehearsed) this.#host.transport.dmaMap({ iova, size, readable, writable, address, fd, fdOffset });
    const mapped = { ...mapping, buffer };
    this.#ledger.add(mapped);
    buffer.mapped(mapped);
    if (rehearsed) return;
    this.journal.note('dma', mapText(mapping), { name, iova, size, prot });
    // From now on the device can be pointed at something, and past it.
    if (this.#ledger.count === 1) this.#host.iommu.faults.watch();
  }

  #limits(): { readonly limits: DmaLimits; readonly made: number } {
    this.#capacity ??= { limits: this.limits(), made: this.#ledger.count };
    return this.#capacity;
  }

  #unit(): number {
    return mappingUnit(this.#limits().limits.pageSizes);
  }

  #freeName(stem: string): string {
    let number = 0;
    while (this.#host.findSpace(`${stem}${number}`) !== undefined) number += 1;
    return `${stem}${number}`;
  }

  #place(operation: string, name: string): Place {
    return { operation: `${operation} ${name}`, device: this.name };
  }
}

/** 'map ring, 64 KiB at IOVA 0x100000..0x110000, rw'. */
function mapText(mapping: Mapping): string {
  const guards = mapping.guard === 0 ? '' : `, guards of ${bytesText(mapping.guard)} included`;
  return `map ${mapping.name}, ${bytesText(mapping.size)} at IOVA ${spanText(mapping)}, ${mapping.prot}${guards}`;
}

provideDma((device) => new Dma(device));
