import { Kmsg } from '../../iommu/kmsg.js';
import type { Roots } from '../roots.js';

const MOST_LINES = 4;

/** What the kernel's log says while something is done: drivers tell there, and often only there, why they refuse a device. */
export class KernelWords implements Disposable {
  readonly #log: Kmsg | undefined;

  constructor(roots: Roots) {
    const log = Kmsg.open(roots);
    this.#log = 'errno' in log ? undefined : log;
    this.skip();
  }

  /** Whatever is there already is not about what comes next. */
  skip(): void {
    for (const record of this.#log?.records() ?? []) void record;
  }

  /** The new lines that name one of `subjects`, the last few; nothing where the log may not be read. */
  about(subjects: readonly string[]): string[] {
    const lines = [...(this.#log?.records() ?? [])].map(({ text }) => text);
    return lines.filter((line) => subjects.some((subject) => line.includes(subject))).slice(-MOST_LINES);
  }

  [Symbol.dispose](): void {
    this.#log?.close();
  }
}
