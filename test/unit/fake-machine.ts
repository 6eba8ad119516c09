import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { BusName } from '../../src/vfio/bus/bus-device.js';
import type { Roots } from '../../src/vfio/bus/roots.js';

export interface FakeDevice {
  bus?: BusName;
  name: string;
  /** The path of the device whose directory in sysfs it lies in, by names: 'dprc.1/dprc.2'. */
  within?: string;
  driver?: string;
  group?: string;
  vfioDev?: string;
  /** vendor, device and class of a PCI function. */
  pci?: readonly [vendor: number, device: number, cls: number];
  compatible?: readonly string[];
  /** Further attributes: path below the device's directory, and text. */
  files?: Readonly<Record<string, string>>;
}

/** A made-up /sys, /dev, /proc and /etc in a temporary directory. */
export class FakeMachine {
  readonly roots: Roots;
  readonly #root: string;

  /** `root`: the folder of a machine that another process has made. */
  constructor(root = mkdtempSync(join(tmpdir(), 'vfiodbg-machine-'))) {
    this.#root = root;
    const at = (name: string): string => join(this.#root, name);
    const folders = { sys: at('sys'), dev: at('dev'), proc: at('proc'), etc: at('etc') };
    this.roots = { ...folders, modules: at('modules'), boot: at('boot'), pciIds: [at('pci.ids')] };
    for (const folder of Object.values(folders)) mkdirSync(folder, { recursive: true });
  }

  /** Puts a device into sysfs as the kernel would, with its group and its driver. */
  device(device: FakeDevice): this {
    const bus = device.bus ?? 'pci';
    const real = join(this.roots.sys, 'devices', bus, device.within ?? '', device.name);
    mkdirSync(real, { recursive: true });
    this.#link(real, join(this.roots.sys, 'bus', bus, 'devices', device.name));
    if (device.driver !== undefined) {
      const driver = join(this.roots.sys, 'bus', bus, 'drivers', device.driver);
      mkdirSync(driver, { recursive: true });
      symlinkSync(driver, join(real, 'driver'));
    }
    if (device.group !== undefined) {
      const group = join(this.roots.sys, 'kernel/iommu_groups', device.group);
      mkdirSync(join(group, 'devices'), { recursive: true });
      writeFileSync(join(group, 'type'), 'DMA\n');
      symlinkSync(group, join(real, 'iommu_group'));
      symlinkSync(real, join(group, 'devices', device.name));
    }
    if (device.vfioDev !== undefined) mkdirSync(join(real, 'vfio-dev', device.vfioDev), { recursive: true });
    for (const [i, file] of ['vendor', 'device', 'class'].entries()) {
      const value = device.pci?.[i];
      if (value !== undefined) writeFileSync(join(real, file), `0x${value.toString(16).padStart(4, '0')}\n`);
    }
    const files = { ...device.files };
    if (device.compatible !== undefined)
      files['of_node/compatible'] = device.compatible.map((one) => `${one}\0`).join('');
    for (const [path, text] of Object.entries(files)) this.#write(join(real, path), text);
    return this;
  }

  /** Writes a file below one of the roots: `machine.file('proc', 'cmdline', 'quiet')`. */
  file(root: 'sys' | 'dev' | 'proc' | 'etc' | 'modules' | 'boot', path: string, text = ''): this {
    this.#write(join(this.roots[root], path), text);
    return this;
  }

  /** The database of PCI names. */
  pciIds(text: string): this {
    this.#write(join(this.#root, 'pci.ids'), text);
    return this;
  }

  /** A process that has `path` open. */
  process(pid: number, command: string, path: string): this {
    this.#write(join(this.roots.proc, String(pid), 'comm'), `${command}\n`);
    this.#link(path, join(this.roots.proc, String(pid), 'fd/3'));
    return this;
  }

  get root(): string {
    return this.#root;
  }

  remove(): void {
    rmSync(this.#root, { recursive: true, force: true });
  }

  #write(path: string, text: string): void {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }

  #link(target: string, path: string): void {
    mkdirSync(dirname(path), { recursive: true });
    symlinkSync(target, path);
  }
}

/** Runs `body` with a machine that is removed afterwards. */
export function withMachine(body: (machine: FakeMachine) => void): () => void {
  return () => {
    const machine = new FakeMachine();
    try {
      body(machine);
    } finally {
      machine.remove();
    }
  };
}
