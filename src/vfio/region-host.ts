import type { Gate } from './gate.js';
import type { Journal } from './journal.js';
import type { Region } from './region.js';
import type { AccessEngine } from './sys/access-engine.js';
import type { RegionInfo, Transport } from './transport/transport.js';
import type { Window } from './window.js';

/** What a region needs of its device. */
export interface RegionHost {
  readonly name: string;
  readonly transport: Transport;
  readonly journal: Journal;
  readonly gate: Gate;
  /** Why no region can be mapped, or the engine that accesses mappings. */
  engine(): AccessEngine | { readonly unavailable: string };
  windows(info: RegionInfo, unmapped?: string): Window[];
  /** Maps [start, end) of a region; throws VfioError. */
  map(info: RegionInfo, start: number, end: number): number;
  /** Why an access may have failed, from what can be seen without touching the region, with one thing to try. */
  explain(region: Region, errno: string, signalCode?: number): { why: string; hint?: string };
}
