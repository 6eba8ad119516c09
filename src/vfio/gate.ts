import { type FailureDetails, VfioError } from './errors.js';
import type { Width } from './width.js';

/** Something that would have reached the device, had this not been a dry run. */
export interface PlannedAction {
  readonly action: 'read' | 'write' | 'poll' | 'irq' | 'dma' | 'reset';
  readonly text: string;
}

/**
 * Whether anything may reach the device, asked before every access: it may be gone, writes may be switched off, or the user may only want
 * to know what would happen. `shut` is the one word that the hot path looks at.
 */
export class Gate {
  readonly #device: string;
  #lost: FailureDetails | undefined;
  #readOnly = false;
  #plan: PlannedAction[] | undefined;
  /** The same object while dry runs follow one another: what one of them would make is there for those behind it. */
  rehearsal: object | undefined;
  /** True where reads or writes need `admit`: lost, read-only or a dry run. */
  shut = false;

  constructor(device: string) {
    this.#device = device;
  }

  get lost(): FailureDetails | undefined {
    return this.#lost;
  }

  get readOnly(): boolean {
    return this.#readOnly;
  }

  set readOnly(on: boolean) {
    this.#readOnly = on;
    this.#update();
  }

  lose(reason: FailureDetails): void {
    this.#lost ??= reason;
    this.#update();
  }

  /** Runs `body` so that it reaches nothing; what it would have done comes back. Reads give 0, which must not be shown. */
  async dryRun(body: () => unknown): Promise<PlannedAction[]> {
    const plan: PlannedAction[] = [];
    this.#plan = plan;
    this.#update();
    try {
      await body();
    } finally {
      this.#plan = undefined;
      this.#update();
    }
    return plan;
  }

  get planning(): boolean {
    return this.#plan !== undefined;
  }

  #update(): void {
    this.shut = this.#lost !== undefined || this.#readOnly || this.#plan !== undefined;
  }

  /**
   * Throws where the device is gone, or where `action` changes something and writes are off.
   * @returns true to go on; false in a dry run, with `text` noted.
   */
  admit(
    action: PlannedAction['action'],
    text: string,
    place: { space?: string; offset?: number; width?: Width } = {},
  ): boolean {
    if (this.#lost) {
      const { why, errno, hint } = this.#lost;
      throw new VfioError({
        kind: 'lost',
        operation: action,
        device: this.#device,
        ...place,
        why,
        ...(errno !== undefined && { errno }),
        ...(hint !== undefined && { hint }),
      });
    }
    if (this.#readOnly && action !== 'read' && action !== 'poll') {
      throw new VfioError({
        kind: 'readonly',
        operation: action,
        device: this.#device,
        ...place,
        why: 'the session is read-only',
        hint: 'option readonly off, or start without --read-only',
      });
    }
    this.#plan?.push({ action, text });
    return this.#plan === undefined;
  }
}
