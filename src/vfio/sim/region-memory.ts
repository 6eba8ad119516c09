import * as libc from '../sys/libc.js';
import { Refusal } from './model.js';

/** The memory behind a mappable region: a memfd that clients map, too. */
export class RegionMemory {
  readonly fd: number;
  readonly #size: number;
  /** What is in it while it is hidden. */
  #hidden: Buffer | undefined;

  constructor(name: string, size: number, contents: Uint8Array) {
    const made = libc.memfd(name, size);
    if (made.errno !== 0) throw new Refusal(made.errno, `no memory for ${name}`);
    this.fd = made.value;
    this.#size = size;
    this.write(0, contents);
  }

  read(offset: number, into: Uint8Array): void {
    const got = libc.pread(this.fd, into, offset);
    if (got.value !== into.length) throw new Refusal(got.errno, 'the memory of the region cannot be read');
  }

  write(offset: number, from: Uint8Array): void {
    const put = libc.pwrite(this.fd, from, offset);
    if (put.value !== from.length) throw new Refusal(put.errno, 'the memory of the region cannot be written');
  }

  /** Takes the memory out of the client's mappings, so that they fault as vfio-pci's do while memory decode is off, and puts it back. */
  show(visible: boolean): void {
    if (visible === (this.#hidden === undefined)) return;
    if (!visible) {
      const contents = Buffer.alloc(this.#size);
      this.read(0, contents);
      libc.ftruncate(this.fd, 0);
      this.#hidden = contents;
    } else if (this.#hidden !== undefined) {
      libc.ftruncate(this.fd, this.#size);
      this.write(0, this.#hidden);
      this.#hidden = undefined;
    }
  }

  close(): void {
    libc.close(this.fd);
  }
}
