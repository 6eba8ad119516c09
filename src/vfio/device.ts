import { VFIO_PCI_CONFIG_REGION_INDEX, VFIO_PCI_ROM_REGION_INDEX, VFIO_PCI_VGA_REGION_INDEX } from './abi/vfio.js';
import type { Dma } from './dma/dma.js';
import { type FailureDetails, VfioError } from './errors.js';
import { Gate } from './gate.js';
import { Interrupts } from './interrupts.js';
import type { Iommu, MappingSource } from './iommu/iommu.js';
import { Journal } from './journal.js';
import type { AppliedProfile } from './profile/apply.js';
import { Region } from './region.js';
import { RegisterSet } from './registers/register-set.js';
import type { RegionHost } from './region-host.js';
import type { Space } from './space.js';
import { type AccessEngine, accessEngine } from './sys/access-engine.js';
import { MAP_SHARED, PROT_READ, PROT_WRITE, errnoName, mmap, munmap, pageSize } from './sys/libc.js';
import type { DeviceInfo, IrqInfo, RegionInfo, Transport, Via } from './transport/transport.js';
import { whyRefused } from './why-refused.js';
import { type Window, windowsOf } from './window.js';

/** What `dma/dma.ts` gives when it is loaded: a session that maps nothing does without its modules. */
let makeDma: ((device: Device) => Dma) | undefined;

export function provideDma(make: (device: Device) => Dma): void {
  makeDma = make;
}

/** The same for `iommu/iommu.js`. */
let makeIommu: ((device: Device) => Iommu) | undefined;

export function provideIommu(make: (device: Device) => Iommu): void {
  makeIommu = make;
}

const nothingMapped = { mappings: [], count: 0, bytes: 0, neighbours: () => ({}) } as const;

export interface DeviceOptions {
  /** Refuses everything that changes the device or its mappings. */
  readonly readOnly?: boolean;
  /** False keeps every access on the file or message path. Default true. */
  readonly mmap?: boolean;
  readonly journal?: Journal;
}

/**
 * An open device: its regions by name, what VFIO says of it, and the journal of what was done to it.
 * Opening touches nothing: no access, no mapping, no interrupt, no bus mastering.
 */
export class Device {
  readonly transport: Transport;
  readonly name: string;
  readonly journal: Journal;
  readonly gate: Gate;
  readonly regions: readonly Region[];
  readonly irqInfos: readonly IrqInfo[];
  readonly irqs: Interrupts;
  /** The registers that maps describe. */
  readonly registers = new RegisterSet();
  /** The profile in force: names, maps and cautions come from it; profile/use.ts puts another in its place. */
  profile: AppliedProfile | undefined;
  /** What was wrong with profiles when that one was chosen. */
  profileWarnings: readonly string[] = [];
  readonly #spaces = new Map<string, Space>();
  readonly #mappings: { readonly address: number; readonly length: number }[] = [];
  readonly #lostListeners = new Set<(reason: FailureDetails) => void>();
  readonly #faultListeners = new Set<(text: string) => void>();
  readonly #closing: (() => void)[] = [];
  #dma: Dma | undefined;
  #iommu: Iommu | undefined;
  #mmap: boolean;
  #closed = false;

  constructor(transport: Transport, options: DeviceOptions = {}) {
    this.transport = transport;
    this.name = transport.name;
    this.journal = options.journal ?? new Journal();
    this.gate = new Gate(transport.name);
    this.gate.readOnly = options.readOnly ?? false;
    this.#mmap = options.mmap ?? true;
    this.regions = this.#openRegions();
    this.irqInfos = Array.from(
      { length: transport.info.irqCount },
      (_, index) => offered(() => transport.irqInfo(index)) ?? noInterrupt(index),
    );
    this.irqs = new Interrupts({
      name: this.name,
      transport,
      journal: this.journal,
      gate: this.gate,
      isPci: this.isPci,
      infos: this.irqInfos,
      lose: (reason) => this.#giveBack(reason),
    });
    transport.onLost((reason) => this.#giveBack(reason));
    this.journal.note('open', `opened ${this.name} by ${transport.via}`);
  }

  get via(): Via {
    return this.transport.via;
  }

  /** What the user should be told of the device before it is used: a sentence each. */
  get warnings(): readonly string[] {
    return [...this.transport.warnings, ...this.profileWarnings];
  }

  get info(): DeviceInfo {
    return this.transport.info;
  }

  get isPci(): boolean {
    return this.info.bus === 'pci';
  }

  get closed(): boolean {
    return this.#closed;
  }

  get readOnly(): boolean {
    return this.gate.readOnly;
  }

  set readOnly(on: boolean) {
    this.gate.readOnly = on;
  }

  /**
   * Whether dry runs follow one another: buffers and interrupts that one of them would make or enable are there for the next, until this is switched
   * off. None of them is known to the device.
   */
  set rehearsing(on: boolean) {
    this.gate.rehearsal = on ? (this.gate.rehearsal ?? {}) : undefined;
    if (!on) this.#dma?.endRehearsal();
  }

  /** Whether mappable windows are mapped; switching it takes effect with the next access. */
  get mmap(): boolean {
    return this.#mmap;
  }

  set mmap(on: boolean) {
    this.#mmap = on;
    for (const region of this.regions) region.forgetWindows();
  }

  /** Why accesses do not go through the stubs, where that is so. */
  get accessFallback(): string | undefined {
    const engine = accessEngine();
    return 'unavailable' in engine ? engine.unavailable : undefined;
  }

  /** Every space by name, aliases left out: regions first. */
  get spaces(): readonly Space[] {
    return [...new Set(this.#spaces.values())];
  }

  /** The space of that name or alias. */
  findSpace(name: string): Space | undefined {
    return this.#spaces.get(name);
  }

  /** Makes a space known by its name and aliases (a DMA buffer, say); the returned function takes it away again. */
  addSpace(space: Space): () => void {
    const names = [space.name, ...space.aliases];
    const taken = names.find((name) => this.#spaces.has(name));
    if (taken !== undefined) {
      throw new VfioError({
        kind: 'busy',
        operation: 'name a space',
        space: taken,
        why: 'the name is taken',
        hint: 'choose another name',
      });
    }
    for (const name of names) this.#spaces.set(name, space);
    return () => {
      for (const name of names) this.#spaces.delete(name);
    };
  }

  /**
   * Gives a region another name, by which commands know it as well: a device tree's reg-name, a profile's. The returned function takes it away
   * again. Throws VfioError 'busy' where the name is another space's.
   */
  nameRegion(region: Region, name: string): () => void {
    const known = this.#spaces.get(name);
    if (known === region) return () => undefined;
    if (known !== undefined) {
      throw new VfioError({
        kind: 'busy',
        operation: `name ${region.name}`,
        space: name,
        why: `the name is ${known.name === name ? 'taken' : `another one of ${known.name}`}`,
        hint: 'choose another name',
      });
    }
    this.#spaces.set(name, region);
    region.aliases.push(name);
    return () => {
      this.#spaces.delete(name);
      region.aliases.splice(region.aliases.indexOf(name), 1);
    };
  }

  /** The region of that index, name or alias. Throws VfioError where the device has none. */
  region(which: number | string): Region {
    const found = this.regions.find(
      (region) => region.index === which || region.name === which || region.aliases.includes(String(which)),
    );
    if (found) return found;
    const name = typeof which === 'number' ? `region${which}` : which;
    throw new VfioError({
      kind: 'absent',
      operation: 'find region',
      device: this.name,
      space: name,
      why: 'the device has no such region',
      hint: `it has ${this.regions.map((region) => region.name).join(', ')}`,
    });
  }

  /** The PCI config space, where there is one. */
  get config(): Region | undefined {
    return this.isPci ? this.regions.find((region) => region.index === VFIO_PCI_CONFIG_REGION_INDEX) : undefined;
  }

  /**
   * Whether a PCI device may send DMA and MSI (COMMAND bit 2): one 16-bit read of its config space. Undefined for other devices, which have
   * no such switch.
   */
  readBusMaster(): boolean | undefined {
    const config = this.config;
    return config === undefined ? undefined : (config.read16(4) & 4) !== 0;
  }

  /** Memory for the device: buffers, and what is mapped. Nothing is by asking for this. */
  get dma(): Dma {
    if (makeDma === undefined) throw new Error('dma/dma.js has to be imported before device.dma is used');
    this.#dma ??= makeDma(this);
    return this.#dma;
  }

  /** What is mapped for the device; asking maps nothing. */
  get mapped(): MappingSource {
    return this.#dma ?? nothingMapped;
  }

  /** The IOMMU's side of the device: what it is, where addresses lead, and what it refused. */
  get iommu(): Iommu {
    if (makeIommu === undefined) throw new Error('iommu/iommu.js has to be imported before device.iommu is used');
    if (this.#iommu === undefined) {
      this.#iommu = makeIommu(this);
      this.#iommu.faults.onReport((text) => {
        for (const listener of this.#faultListeners) listener(text);
      });
    }
    return this.#iommu;
  }

  /**
   * Tells of DMA of this device that an IOMMU refused, as a line for the user; or, once, why that cannot be seen. The kernel's log is followed
   * from the first mapping on, or from when faults are asked for.
   */
  onDmaFault(listener: (text: string) => void): void {
    this.#faultListeners.add(listener);
  }

  /** VFIO_DEVICE_RESET. Throws VfioError 'unsupported' where VFIO says that the device has none. */
  reset(): void {
    if (!this.info.resettable) {
      throw new VfioError({
        kind: 'unsupported',
        operation: 'reset',
        device: this.name,
        why: 'VFIO knows no way to reset this device',
        hint: 'closing and opening it again may do',
      });
    }
    if (!this.gate.admit('reset', `reset ${this.name}`)) return;
    this.transport.reset();
    this.journal.note('reset', `reset ${this.name}`);
  }

  /** Tells, once, that the device or its server is gone. */
  onLost(listener: (reason: FailureDetails) => void): void {
    this.#lostListeners.add(listener);
  }

  /** Marks the device as gone: every further access fails with `reason`. */
  lose(reason: FailureDetails): void {
    if (this.#closed || this.gate.lost) return;
    this.gate.lose(reason);
    this.journal.note('lost', `lost ${this.name}: ${reason.why}`);
    for (const listener of this.#lostListeners) listener(reason);
  }

  /** The device is gone or asked for: everybody is told, then it is closed, which lets a kernel go on that waits for it. */
  #giveBack(reason: FailureDetails): void {
    this.lose(reason);
    this.close();
  }

  /** Runs `release` when the device closes, last registered first. */
  beforeClose(release: () => void): void {
    this.#closing.push(release);
  }

  /** Takes everything down in reverse order. Safe to call twice; further accesses fail. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      for (const release of this.#closing.toReversed()) release();
      this.irqs.close();
    } finally {
      this.gate.lose({ kind: 'lost', operation: 'access', device: this.name, why: 'the device is closed' });
      for (const region of this.regions) region.forgetWindows();
      for (const { address, length } of this.#mappings) munmap(address, length);
      this.#mappings.length = 0;
      this.transport.close();
      // After the transport: what the device could reach is memory until then.
      this.#dma?.close();
      this.#iommu?.close();
      this.journal.note('close', `closed ${this.name}`);
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #openRegions(): Region[] {
    const host: RegionHost = {
      name: this.name,
      transport: this.transport,
      journal: this.journal,
      gate: this.gate,
      engine: () => this.#engine(),
      windows: (info, unmapped) => this.#windows(info, unmapped),
      map: (info, start, end) => this.#map(info, start, end),
      explain: (region, errno, signalCode) => whyRefused(this, region, errno, signalCode),
    };
    const regions: Region[] = [];
    for (let index = 0; index < this.info.regionCount; index += 1) {
      const info = offered(() => this.transport.regionInfo(index));
      if (info === undefined || info.size === 0) continue;
      const region = new Region(host, info, ...namesOf(index, this.isPci));
      regions.push(region);
      this.addSpace(region);
    }
    return regions;
  }

  #engine(): AccessEngine | { unavailable: string } {
    if (!this.#mmap) return { unavailable: 'mapping is switched off (option mmap)' };
    const engine = accessEngine();
    return 'unavailable' in engine ? engine : engine.engine;
  }

  #windows(info: RegionInfo, unmapped?: string): Window[] {
    const noFd =
      info.mappable && this.transport.mappingFd(info) === undefined ? 'no file that could be mapped' : undefined;
    const because = unmapped ?? noFd;
    return windowsOf({
      info,
      otherwise: this.transport.accessPath,
      pageSize: pageSize(),
      ...(because !== undefined && { unmapped: because }),
    });
  }

  #map(info: RegionInfo, start: number, end: number): number {
    const fd = this.transport.mappingFd(info) ?? -1;
    const prot = (info.readable ? PROT_READ : 0) | (info.writable ? PROT_WRITE : 0);
    const length = end - start;
    const mapped = mmap(length, prot, MAP_SHARED, fd, info.fileOffset + BigInt(start));
    if (mapped.errno !== 0) {
      const errno = errnoName(mapped.errno);
      throw new VfioError({
        kind: 'kernel',
        operation: 'mmap',
        device: this.name,
        errno,
        why: 'the region could not be mapped',
      });
    }
    this.#mappings.push({ address: mapped.value, length });
    return mapped.value;
  }
}

/** What VFIO says, or undefined for an index that it answers with EINVAL: vfio-pci does so for VGA and AER that are not there. */
function offered<T>(ask: () => T): T | undefined {
  try {
    return ask();
  } catch (error) {
    if (error instanceof VfioError && error.details.errno === 'EINVAL') return undefined;
    throw error;
  }
}

function noInterrupt(index: number): IrqInfo {
  return { index, flags: 0, eventfd: false, maskable: false, automasked: false, noResize: false, count: 0 };
}

function namesOf(index: number, pci: boolean): [name: string, aliases: string[]] {
  if (!pci || index > VFIO_PCI_VGA_REGION_INDEX) return [`region${index}`, []];
  if (index === VFIO_PCI_CONFIG_REGION_INDEX) return ['config', ['region7']];
  if (index === VFIO_PCI_ROM_REGION_INDEX) return ['rom', ['region6']];
  if (index === VFIO_PCI_VGA_REGION_INDEX) return ['vga', ['region8']];
  return [`region${index}`, [`bar${index}`]];
}
