import { decodeAmd } from './fault-amd.js';
import type { FaultReport } from './fault.js';
import { decodeSmmuV2 } from './fault-smmuv2.js';
import { SmmuV3Events } from './fault-smmuv3.js';
import { decodeVtd } from './fault-vtd.js';

/** The functions of the kernel whose rate limit leaves out faults. */
const suppressed = /\b(?:dmar_fault\w*|amd_iommu_\w+|iommu_print_event|arm_smmu_\w+): (\d+) callbacks suppressed/;
/** A word that every line about a fault holds: most lines of a log need no more than this one look. */
const aboutIommu = /DMAR|AMD-Vi|smmu|suppressed/;

/** Finds DMA faults in the lines of the kernel's log. */
export class FaultDecoder {
  readonly #events = new SmmuV3Events();

  /** What a line tells: none or one report, rarely two. */
  push(text: string): readonly FaultReport[] {
    if (!aboutIommu.test(text)) return [];
    const events = this.#events.take(text);
    if (events !== undefined) return events.map((fault) => ({ kind: 'fault', fault }));
    const fault = decodeVtd(text) ?? decodeAmd(text) ?? decodeSmmuV2(text);
    if (fault !== undefined) return [{ kind: 'fault', fault }];
    const left = suppressed.exec(text);
    return left === null ? [] : [{ kind: 'suppressed', count: Number(left[1]) }];
  }

  /** Whether a fault of several lines has begun. */
  get isWaiting(): boolean {
    return this.#events.isWaiting;
  }

  /** The faults of several lines that are as complete as older kernels tell them. */
  flush(): readonly FaultReport[] {
    return this.#events.flush().map((fault) => ({ kind: 'fault', fault }));
  }
}
