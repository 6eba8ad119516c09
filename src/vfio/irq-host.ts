import type { Gate } from './gate.js';
import type { Irq, IrqEvent } from './irq.js';
import type { Journal } from './journal.js';
import type { Pump } from './sys/pump.js';
import type { Guard } from './sys/pump-source.js';
import type { Transport } from './transport/transport.js';

/** What an interrupt needs of its device. */
export interface IrqHost {
  readonly name: string;
  readonly transport: Transport;
  readonly journal: Journal;
  readonly gate: Gate;
  readonly isPci: boolean;
  /** The guard that new vectors get. */
  readonly guard: Guard;
  pump(): Pump;
  /** Interrupts that are enabled and cannot be at the same time as `irq`. */
  rivals(irq: Irq): readonly Irq[];
  signalled(event: IrqEvent): void;
  /** Something the user must be told at once, once. */
  report(text: string): void;
}
