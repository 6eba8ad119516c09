import { type Roots, systemRoots } from '../vfio/bus/roots.js';
import type { Device } from '../vfio/device.js';
import { VfioError } from '../vfio/errors.js';
import { type HappeningKind, Journal } from '../vfio/journal.js';
import { RegisterSet } from '../vfio/registers/register-set.js';
import { whyWriteOnly } from '../vfio/registers/why-unread.js';
import type { Space } from '../vfio/space.js';
import type { Location } from './arguments/location.js';
import type { BlockOptions } from './block-run.js';
import type { CheckSink } from './check.js';
import { attachNode, givenTree } from './device-node.js';
import type { Timing } from './command.js';
import type { Environment, Names, PathStep, RegisterPlace, World } from './environment.js';
import { IrqAnnouncer } from './irq-announcer.js';
import { UnknownInDryRun } from './interrupted.js';
import { Options } from './options.js';
import { placeOf } from './register-place.js';
import type { Output } from './output.js';
import type { PaneBoard } from './pane-board.js';
import type { Registry } from './registry.js';
import type { ScriptOptions } from './script.js';
import { LineReader } from './line-reader.js';
import { Runner, type RunOptions } from './runner.js';
import { worldOf } from './world.js';

/** A script that is running. */
export interface ScriptFrame {
  /** Its path, or 'standard input'. */
  readonly name: string;
  /** The number of the line that is running. */
  line: number;
  /** The path of its file, if it has one. */
  readonly path: string | undefined;
  readonly options: ScriptOptions;
}

export interface OpenRequest {
  /** Forces the kernel's way in. */
  readonly via?: 'group' | 'cdev';
  /** The profile: a name, a file, or 'none'; by default the one that fits the device best. */
  readonly profile?: string;
}

/** What lasts from one command to the next: devices, variables, options. */
export class Session implements Names, Environment {
  readonly registry: Registry;
  /** Where answers go; a report of a test puts itself in front of it. */
  output: Output;
  readonly options = new Options();
  readonly variables = new Map<string, bigint>();
  readonly world: World;
  /** Where the kernel's file trees are. */
  roots: Roots = systemRoots;
  /** The scripts that are running, the innermost last. */
  readonly scripts: ScriptFrame[] = [];
  /** Blocks that are running. */
  blocks = 0;
  /** What the clock decides of the reads that are made now. */
  timing: Timing | undefined;
  /** Are told of each command that began and failed: a recording leaves it out. */
  readonly failureListeners = new Set<(cut: boolean) => void>();
  /** Is told of every expectation: the report of a test that is running. */
  checks: CheckSink | undefined;
  /** The panes of the full screen, where there is one. */
  panes: PaneBoard | undefined;
  /** $_: the last value that was read. */
  last = 0n;
  /** What is described where no device is open: for `decode`. */
  readonly #describedApart = new RegisterSet();
  /** What was done to this machine's devices from here, whether one of them is open or not. */
  #past: Journal | undefined;
  readonly #runner: Runner;
  readonly #devices: Device[] = [];
  /** How each was named when it was opened. */
  readonly #addresses = new WeakMap<Device, string>();
  #device: Device | undefined;
  #home: Space | undefined;
  #interrupts: IrqAnnouncer | undefined;
  #quitting = false;

  constructor(registry: Registry, output: Output) {
    this.registry = registry;
    this.output = output;
    this.#runner = new Runner(this);
    this.world = worldOf(this);
    this.#describedApart.onChange(() => this.namesChanged());
    this.options.onChange((name) => {
      for (const device of this.#devices) {
        if (name === 'readonly') device.readOnly = this.options.get('readonly');
        if (name === 'mmap') device.mmap = this.options.get('mmap');
        if (name === 'dryrun') device.rehearsing = this.options.get('dryrun');
      }
      if (name === 'dryrun') this.namesChanged();
    });
  }

  /** The current device. */
  get device(): Device | undefined {
    return this.#device;
  }

  get devices(): readonly Device[] {
    return this.#devices;
  }

  /** Opens a device, or turns to one that is open already, and makes it the current one. Rejects with VfioError. */
  async open(address: string, request: OpenRequest = {}): Promise<Device> {
    const known = await this.find(address);
    if (known !== undefined && known.gate.lost === undefined) {
      if (request.profile !== undefined) await this.useProfile(known, request.profile);
      this.#turnTo(known);
      return known;
    }
    const given = await givenTree(this);
    const { openDevice } = await import('../vfio/open.js');
    const device = await openDevice(address, {
      readOnly: this.options.get('readonly'),
      mmap: this.options.get('mmap'),
      timeoutMs: this.options.get('timeout'),
      ...(request.via !== undefined && { via: request.via }),
      ...(this.#past !== undefined && { journal: continued(this.#past) }),
      ...(request.profile !== undefined && { profile: request.profile }),
    });
    this.adopt(device);
    this.#addresses.set(device, address);
    await attachNode(this, device, given);
    return device;
  }

  /** The open device that `address` names, however it is written. */
  async find(address: string): Promise<Device | undefined> {
    const exact = this.#devices.find(({ name }) => name === address);
    if (exact !== undefined || this.#devices.length === 0) return exact;
    const { deviceKey } = await import('../vfio/open.js');
    const key = deviceKey(address);
    return this.#devices.find((device) => deviceKey(this.#addresses.get(device) ?? device.name) === key);
  }

  /** The journal of the current device; without one, that of what was done while none was open. Throws VfioError where there is neither. */
  get journal(): Journal {
    return this.#device === undefined && this.#past !== undefined ? this.#past : this.requireDevice().journal;
  }

  get hasJournal(): boolean {
    return this.#device !== undefined || this.#past !== undefined;
  }

  /** Notes what is done to the machine, and not by way of an open device: in the journals of those that are open, and of those to come. */
  note(kind: HappeningKind, text: string, data: Readonly<Record<string, unknown>>): void {
    this.#past ??= new Journal(1024);
    for (const journal of [this.#past, ...this.#devices.map((device) => device.journal)])
      journal.note(kind, text, data);
  }

  /** Puts a profile in force on `device`: the one of that name or file, none of them, or the one that fits. Rejects with VfioError. */
  async useProfile(device: Device, wanted?: string): Promise<void> {
    const { useProfile } = await import('../vfio/profile/use.js');
    await useProfile(device, wanted);
    this.namesChanged();
  }

  /** Takes an open device over, and makes it the current one. */
  adopt(device: Device): void {
    const gone = this.#devices.findIndex((each) => each.name === device.name);
    if (gone >= 0) this.#devices.splice(gone, 1);
    this.#devices.push(device);
    device.rehearsing = this.options.get('dryrun');
    device.registers.onChange(() => this.namesChanged());
    device.irqs.onReport((text) => this.output.notice(`${device.name}: ${text}`));
    device.onDmaFault((text) => this.notify(`${device.name}: ${text}`));
    this.#interrupts?.watch(device);
    device.onLost((reason) => {
      const errno = reason.errno === undefined ? '' : `${reason.errno}: `;
      this.output.notice(`${device.name} is gone: ${errno}${reason.why}`);
      // Closed at once: the kernel waits for that where the device is unbound. The reason stays what accesses fail with.
      device.close();
    });
    this.#turnTo(device);
  }

  /** Tells of interrupts, above the prompt if nowhere else, of the devices that are open and of those to come. */
  announceInterrupts(tell = (text: string): void => this.output.notice(text)): void {
    if (this.#interrupts !== undefined) return;
    this.#interrupts = new IrqAnnouncer((text) => {
      if (this.options.get('notify')) tell(text);
    });
    for (const device of this.#devices) this.#interrupts.watch(device);
  }

  /** Closes `device`, or the current one. */
  close(device = this.#device): void {
    if (device === undefined) return;
    const at = this.#devices.indexOf(device);
    if (at >= 0) this.#devices.splice(at, 1);
    device.close();
    if (device === this.#device) this.#turnTo(this.#devices.at(-1));
  }

  /** Closes every device and ends the running command. Safe to call twice. */
  closeAll(): void {
    if (this.interrupt()) this.commandFailed(true);
    for (const device of this.#devices.toReversed()) device.close();
    this.#devices.length = 0;
    this.#turnTo(undefined);
  }

  #turnTo(device: Device | undefined): void {
    this.#device = device;
    this.#home = device?.spaces[0];
    this.namesChanged();
  }

  /** The space that an offset without one is in; undefined goes back to the device's first. */
  use(space: Space | undefined): void {
    this.#home = space ?? this.#device?.spaces[0];
    this.namesChanged();
  }

  get defaultSpace(): Space | undefined {
    return this.#home;
  }

  space(name: string): Space | undefined {
    return this.#device?.findSpace(name);
  }

  get spaceNames(): readonly string[] {
    return this.#device?.spaces.flatMap((space) => [space.name, ...space.aliases]) ?? [];
  }

  register(space: string | undefined, path: readonly PathStep[], terse?: boolean): RegisterPlace | string {
    return placeOf(this.registers, space, path, terse);
  }

  /** The maps of the current device; where none is open, a set of the session's own, so that values can be decoded without one. */
  get registers(): RegisterSet {
    return this.#device?.registers ?? this.#describedApart;
  }

  variable(name: string): bigint | undefined {
    return name === '_' ? this.last : this.variables.get(name);
  }

  load({ space, offset, width, register, field }: Location): bigint {
    const unreadable = whyWriteOnly(register, field);
    if (unreadable !== undefined) {
      const hint = `[${space.name} 0x${offset.toString(16)}] reads the place all the same`;
      throw new VfioError({
        kind: 'access',
        operation: 'read',
        space: space.name,
        offset,
        width,
        why: unreadable,
        hint,
      });
    }
    const value = BigInt(space.read(width, offset));
    if (this.#device?.gate.planning === true) throw new UnknownInDryRun();
    return field === undefined ? value : BigInt.asUintN(field.bits, value >> BigInt(field.low));
  }

  /** Names or spaces have changed: lines that were parsed before are parsed anew. */
  namesChanged(): void {
    if (this.#home !== undefined && this.space(this.#home.name) !== this.#home) this.#home = this.#device?.spaces[0];
    this.#runner.forget();
  }

  /**
   * Runs one line; a block in it ends in it. Returns nothing where all of it was done at once, else a promise of its end.
   * Throws, or rejects with, UsageError, VfioError, ExpectationError or Interrupted; anything else is a bug.
   */
  execute(line: string, options: RunOptions): void | Promise<void> {
    return this.#runner.execute(line, options);
  }

  /** How deep in scripts and blocks the commands are that run now. */
  get depth(): number {
    return this.scripts.length + this.blocks;
  }

  /** Takes lines one by one, as a script or a prompt does. */
  reader(options: RunOptions, blocks?: BlockOptions): LineReader {
    return new LineReader(this.#runner, options, blocks);
  }

  /** `cut`: it was ended from outside, with all the scripts and blocks around it. */
  commandFailed(cut = false): void {
    for (const tell of this.failureListeners) tell(cut);
  }

  /** What an interrupt would end now, to be compared with what it was: a command, or a block. */
  get running(): object | undefined {
    return this.#runner.running;
  }

  /** Ends the running command. False where none is running. */
  interrupt(): boolean {
    return this.#runner.interrupt();
  }

  /** The line that Enter on an empty line runs, if the last command declares one. */
  get repeatLine(): string | undefined {
    return this.#runner.repeatLine;
  }

  /** Shows an event above the prompt, unless the user does not want to see any. */
  notify(text: string): void {
    if (this.options.get('notify')) this.output.notice(text);
  }

  /** Asks the prompt, or the script, to end after this line. */
  quit(): void {
    this.#quitting = true;
  }

  get quitting(): boolean {
    return this.#quitting;
  }

  /** The current device; throws VfioError where none is open. */
  requireDevice(): Device {
    if (this.#device !== undefined) return this.#device;
    throw new VfioError({
      kind: 'absent',
      operation: 'use the device',
      why: 'no device is open',
      hint: 'open DEVICE (try sim:edu)',
    });
  }
}

/** A journal that begins with what `past` holds. */
function continued(past: Journal): Journal {
  const journal = new Journal();
  for (const entry of past.entries()) if ('text' in entry) journal.note(entry.kind, entry.text, entry.data, entry.time);
  return journal;
}
