import { PCI_COMMAND, PCI_COMMAND_MASTER } from '../../vfio/abi/pci.js';
import type { Device } from '../../vfio/device.js';
import { VfioError } from '../../vfio/errors.js';
import { escape } from '../../views/escape.js';
import { type Line, lineWidth } from '../../views/line.js';
import type { Span } from '../../views/view.js';
import type { Session } from '../session.js';
import type { LookingNames } from './looking-names.js';

/** How long an event is told, in milliseconds. */
const TOLD_MS = 8000;

/** Milliseconds from one look to the next, and how many times as long as a look takes they are at the least. */
const LOOK_MS = 1000;
const REST = 10;

/** The line at the top: the device, the way in, its group, bus mastering, what is switched off, and what has just happened. */
export class StatusLine {
  readonly #session: Session;
  readonly #names: LookingNames;
  readonly #redraw: () => void;
  #busMaster: boolean | undefined;
  #device: Device | undefined;
  #leave: () => void = () => undefined;
  /** DMA faults of the device since it was opened here. */
  #faults = 0;
  #looking: NodeJS.Timeout | undefined;
  #told: string | undefined;
  /** That came by itself. */
  #heard = false;
  #progress: string | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(session: Session, names: LookingNames, redraw: () => void) {
    this.#session = session;
    this.#names = names;
    this.#redraw = redraw;
  }

  /** What comes by itself, again and again: it gives way to what a key was answered with. */
  hear(text: string): void {
    if (this.#told !== undefined && !this.#heard) return;
    this.tell(text);
    this.#heard = true;
  }

  /** An answer to a key, or an event: stands there for a while. */
  tell(text: string): void {
    this.#heard = false;
    this.#told = text.trim().split('\n')[0] ?? '';
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#told = undefined;
      this.#redraw();
    }, TOLD_MS);
    this.#timer.unref();
    this.#redraw();
  }

  /** How far a long command is; undefined when it is done. */
  progress(text: string | undefined): void {
    this.#progress = text;
    this.#redraw();
  }

  /** Looks again and again, as often as the device's speed allows. */
  start(): void {
    const begun = performance.now();
    this.refresh();
    const took = performance.now() - begun;
    this.#looking = setTimeout(() => this.start(), Math.max(LOOK_MS, took * REST));
    this.#looking.unref();
  }

  close(): void {
    clearTimeout(this.#looking);
    clearTimeout(this.#timer);
    this.#leave();
  }

  #follow(device: Device | undefined): void {
    if (device === this.#device) return;
    this.#leave();
    this.#device = device;
    const { journal } = device ?? {};
    this.#faults = [...(journal?.entries() ?? [])].filter(({ kind }) => kind === 'dma-fault').length;
    this.#leave =
      journal?.watch((kind) => {
        if (kind !== 'dma-fault') return;
        this.#faults += 1;
        this.#redraw();
      }) ?? ((): void => undefined);
  }

  /** Looks at bus mastering: one read of COMMAND in config space, which has no effect. */
  refresh(): void {
    const { device } = this.#session;
    this.#follow(device);
    let found: boolean | undefined;
    try {
      if (device?.config !== undefined && device.gate.lost === undefined) {
        found = (this.#names.read('config', PCI_COMMAND, 16) & BigInt(PCI_COMMAND_MASTER)) !== 0n;
      }
    } catch (error) {
      if (!(error instanceof VfioError)) throw error;
    }
    if (found === this.#busMaster) return;
    this.#busMaster = found;
    this.#redraw();
  }

  /** As wide as `columns`: where what has just happened finds no room there, what stands for long makes room for it. */
  line(hidden: readonly string[], columns: number): Line {
    const whole = this.#parts(hidden, false);
    const told = this.#progress ?? this.#told;
    return told === undefined || lineWidth(whole) <= columns ? whole : this.#parts(hidden, true);
  }

  #parts(hidden: readonly string[], brief: boolean): Line {
    const { device } = this.#session;
    const parts: Span[] = [];
    const add = (text: string, role: Span['role'] = 'plain'): void => {
      if (parts.length > 0) parts.push({ text: ' | ', role: 'dim' });
      parts.push({ text, role });
    };
    if (device === undefined) add('no device: open DEVICE', 'heading');
    else {
      add(escape(device.name), 'heading');
      const { group } = device.transport;
      if (!brief) add(group === undefined ? device.via : `${device.via}, group ${escape(group)}`);
      if (this.#busMaster !== undefined && !brief) add(`bus mastering ${this.#busMaster ? 'on' : 'off'}`);
      if (this.#session.options.get('readonly')) add('read-only', 'warning');
      if (this.#session.options.get('dryrun')) add('dry run', 'warning');
      const storms = stormsOf(device);
      if (storms !== '') add(`storm: ${storms} masked; irq unmask re-arms`, 'fault');
      if (this.#faults > 0) add(`${this.#faults} DMA fault${this.#faults === 1 ? '' : 's'}: iommu faults`, 'fault');
      if (device.gate.lost !== undefined) add(`gone: ${escape(device.gate.lost.why)}`, 'fault');
    }
    if (this.#progress !== undefined) add(escape(this.#progress));
    else if (this.#told !== undefined) add(escape(this.#told), 'warning');
    if (hidden.length > 0) add(`hidden: ${hidden.join(' ')}`, 'dim');
    return parts;
  }
}

/** The vectors that the storm guard holds masked, such as 'msix 3'. */
function stormsOf(device: Device): string {
  const stormy = [...device.irqs].flatMap(({ name, info, vectors }) =>
    vectors
      .filter(({ masked }) => masked === 'storm')
      .map(({ number }) => (info.count > 1 ? `${escape(name)} ${number}` : escape(name))),
  );
  return stormy.length > 3 ? `${stormy.length} vectors` : stormy.join(', ');
}
