import { attribute } from './sysfs.js';

/** Names of PCI vendors and devices from the pci.ids database of pciutils, where it is installed. */
export class PciNames {
  readonly #files: readonly string[];
  #lines: readonly string[] | undefined;

  /** `files`: where pci.ids may be, the best first. Nothing is read before the first question. */
  constructor(files: readonly string[]) {
    this.#files = files;
  }

  /** 'Intel Corporation 82574L Gigabit Network Connection', '8086:10d3' where the database does not tell. */
  describe(vendor: number, device: number): string {
    const ids = `${hex(vendor)}:${hex(device)}`;
    const lines = this.#read();
    const start = lines.findIndex((line) => line.startsWith(`${hex(vendor)}  `));
    if (start < 0) return ids;
    const vendorName = lines[start]?.slice(6) ?? '';
    // A vendor's devices are the lines behind it that begin with one tab; its end is the next line that begins with none.
    for (let at = start + 1; at < lines.length; at++) {
      const line = lines[at] ?? '';
      if (line.startsWith(`\t${hex(device)}  `)) return `${vendorName} ${line.slice(7)}`;
      if (line !== '' && !line.startsWith('\t') && !line.startsWith('#')) break;
    }
    return `${vendorName} ${ids}`;
  }

  #read(): readonly string[] {
    if (this.#lines === undefined) {
      const text = this.#files.map(attribute).find((one) => one !== undefined);
      this.#lines = text?.split('\n') ?? [];
    }
    return this.#lines;
  }
}

function hex(id: number): string {
  return id.toString(16).padStart(4, '0');
}
