import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { type BusName, describeDevice, isVfioDriver } from '../../src/vfio/bus/bus-device.js';
import type { SysfsWriter } from '../../src/vfio/bus/binding/sysfs-writer.js';
import { FakeMachine, type FakeDevice } from './fake-machine.js';

interface FakeDriver {
  readonly bus: BusName;
  readonly name: string;
  /** The devices that it takes without an override. */
  readonly matches: readonly string[];
  /** Ids that were written to new_id. */
  readonly ids: Set<string>;
  /** What its probe answers, by device. */
  readonly refuses: Map<string, string>;
}

/**
 * A made-up sysfs whose files do what the kernel's do when they are written: links of drivers move, overrides decide who may bind. Source:
 * drivers/base/bus.c, dd.c, driver.c; drivers/pci/pci-driver.c.
 */
export class FakeKernel extends FakeMachine implements SysfsWriter {
  readonly writes: string[] = [];
  /** Is called with the number of each write, from 0 on, before and after it takes effect. What it gives back is the write's errno. */
  onWrite: (nth: number, when: 'before' | 'after', file: string) => string | undefined | Promise<string | undefined> =
    () => undefined;
  /** The end of a file's path: writes to it answer well and do nothing. */
  ignores: string | undefined;
  readonly #drivers: FakeDriver[] = [];

  constructor(root?: string) {
    super(root);
    this.file('proc', 'sys/kernel/random/boot_id', 'this-boot\n').file('dev', 'vfio/vfio').file('dev', 'kmsg');
  }

  /** A driver that is loaded. */
  driver(bus: BusName, name: string, matches: readonly string[] = []): this {
    for (const file of ['bind', 'unbind', ...(bus === 'pci' ? ['new_id', 'remove_id'] : [])]) {
      this.file('sys', `bus/${bus}/drivers/${name}/${file}`);
    }
    this.file('sys', `bus/${bus}/drivers_probe`);
    this.#drivers.push({ bus, name, matches, ids: new Set(), refuses: new Map() });
    return this;
  }

  override device(device: FakeDevice): this {
    const files = { driver_override: '(null)\n', modalias: `${device.bus ?? 'pci'}:${device.name}\n`, ...device.files };
    super.device({ ...device, files });
    if (device.driver !== undefined && isVfioDriver(device.driver)) this.#register(device.bus ?? 'pci', device.name);
    return this;
  }

  /** Makes the probe of a driver fail; without an errno, not any more. */
  refuse(driver: string, device: string, errno?: string): this {
    const { refuses } = this.#drivers.find(({ name }) => name === driver) ?? {};
    if (errno === undefined) refuses?.delete(device);
    else refuses?.set(device, errno);
    return this;
  }

  /** Takes a device out of the machine. */
  vanish(bus: BusName, name: string): void {
    const group = describeDevice(bus, name, this.roots).iommuGroup;
    if (group !== undefined) rmSync(join(this.roots.sys, 'kernel/iommu_groups', group, 'devices', name));
    rmSync(join(this.roots.sys, 'devices', bus, name), { recursive: true });
    rmSync(join(this.roots.sys, 'bus', bus, 'devices', name));
  }

  /** Every device's driver and override, and the ids that drivers have learnt. */
  state(): Record<string, unknown> {
    const state: Record<string, unknown> = {};
    for (const bus of readdirSync(join(this.roots.sys, 'bus')) as BusName[]) {
      const folder = join(this.roots.sys, 'bus', bus, 'devices');
      for (const name of existsSync(folder) ? readdirSync(folder) : []) {
        const { driver, driverOverride } = describeDevice(bus, name, this.roots);
        state[name] = { driver, driverOverride };
      }
    }
    for (const { name, ids } of this.#drivers) state[name] = [...ids];
    return state;
  }

  async write(file: string, bytes: string): Promise<string | undefined> {
    const nth = this.writes.length;
    this.writes.push(`${bytes.trimEnd()} > ${file.slice(this.roots.sys.length + 1)}`);
    const before = await this.onWrite(nth, 'before', file);
    if (before !== undefined) return before;
    const ignored = this.ignores !== undefined && file.endsWith(this.ignores);
    const errno = ignored ? undefined : existsSync(file) ? this.#store(file, bytes) : 'ENOENT';
    return (await this.onWrite(nth, 'after', file)) ?? errno;
  }

  #store(file: string, bytes: string): string | undefined {
    const [, bus, , name] = file.slice(this.roots.sys.length + 1).split('/') as [string, BusName, string, string];
    const text = bytes.replace(/\n$/, '');
    switch (basename(file)) {
      case 'driver_override':
        writeFileSync(file, text === '' ? '(null)\n' : `${text}\n`);
        return undefined;
      case 'drivers_probe': {
        if (!this.#there(bus, text)) return 'ENODEV';
        for (const driver of this.#drivers) {
          if (driver.bus === bus && this.#driverOf(bus, text) === undefined && this.#wants(driver, text)) {
            this.#probe(driver, text);
          }
        }
        return undefined;
      }
    }
    const driver = this.#drivers.find((one) => one.bus === bus && one.name === name);
    if (driver === undefined) return 'EACCES';
    switch (basename(file)) {
      case 'unbind':
        if (this.#driverOf(bus, text) !== driver.name) return 'ENODEV';
        this.#letGo(bus, text);
        return undefined;
      case 'bind':
        if (!this.#there(bus, text) || !this.#wants(driver, text)) return 'ENODEV';
        return this.#driverOf(bus, text) === undefined ? this.#probe(driver, text) : 'EBUSY';
      case 'new_id':
        if (driver.ids.has(text)) return 'EEXIST';
        driver.ids.add(text);
        for (const device of readdirSync(join(this.roots.sys, 'bus/pci/devices'))) {
          if (this.#driverOf('pci', device) === undefined && this.#wants(driver, device)) this.#probe(driver, device);
        }
        return undefined;
      case 'remove_id':
        return driver.ids.delete(text) ? undefined : 'ENODEV';
      default:
        return 'EACCES';
    }
  }

  #there(bus: BusName, name: string): boolean {
    return existsSync(join(this.roots.sys, 'bus', bus, 'devices', name));
  }

  #driverOf(bus: BusName, name: string): string | undefined {
    return describeDevice(bus, name, this.roots).driver;
  }

  #wants(driver: FakeDriver, name: string): boolean {
    const { driverOverride, ids } = describeDevice(driver.bus, name, this.roots);
    if (driverOverride !== undefined) return driverOverride === driver.name;
    const id = [ids?.vendor, ids?.device, ids?.subsystemVendor, ids?.subsystemDevice];
    const text = id.map((part) => (part ?? 0).toString(16).padStart(4, '0')).join(' ');
    return driver.matches.includes(name) || driver.ids.has(text);
  }

  #probe({ bus, name, refuses }: FakeDriver, device: string): string | undefined {
    const errno = refuses.get(device);
    if (errno !== undefined) return errno;
    const path = join(this.roots.sys, 'bus', bus, 'devices', device);
    symlinkSync(join(this.roots.sys, 'bus', bus, 'drivers', name), join(path, 'driver'));
    if (isVfioDriver(name)) this.#register(bus, device);
    return undefined;
  }

  #letGo(bus: BusName, device: string): void {
    const { iommuGroup, vfioDev } = describeDevice(bus, device, this.roots);
    const path = join(this.roots.sys, 'bus', bus, 'devices', device);
    unlinkSync(join(path, 'driver'));
    if (vfioDev === undefined) return;
    rmSync(join(path, 'vfio-dev'), { recursive: true });
    rmSync(join(this.roots.dev, 'vfio/devices', vfioDev));
    if (iommuGroup !== undefined) rmSync(join(this.roots.dev, 'vfio', iommuGroup), { force: true });
  }

  /** The nodes of a device that VFIO has. */
  #register(bus: BusName, device: string): void {
    const taken = existsSync(join(this.roots.dev, 'vfio/devices'))
      ? readdirSync(join(this.roots.dev, 'vfio/devices'))
      : [];
    const node = `vfio${[0, 1, 2, 3, 4, 5, 6, 7].find((n) => !taken.includes(`vfio${n}`)) ?? 8}`;
    mkdirSync(join(this.roots.sys, 'bus', bus, 'devices', device, 'vfio-dev', node), { recursive: true });
    const { iommuGroup } = describeDevice(bus, device, this.roots);
    this.file('dev', `vfio/devices/${node}`);
    if (iommuGroup !== undefined) this.file('dev', `vfio/${iommuGroup}`);
  }

  /** A line of the kernel's log, as /dev/kmsg gives it. */
  log(text: string): void {
    appendFileSync(join(this.roots.dev, 'kmsg'), `6,1,1,-;${text}\n`);
  }
}
