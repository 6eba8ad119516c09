import type { Device } from '../vfio/device.js';
import type { Via } from '../vfio/transport/transport.js';
import type { Space } from '../vfio/space.js';
import type { Names, RegisterPlace, PathStep, World } from './environment.js';

/** What lasts from one command to the next. */
export interface Session extends Names {
  /** The current device. */
  readonly device: Device | undefined;
  readonly devices: readonly Device[];
  /** Opens a device and makes it the current one; rejects with VfioError. */
  open(address: string, options?: { readonly via?: Via & ('group' | 'cdev') }): Promise<Device>;
  /** Closes `device`, or the current one. */
  close(device?: Device): void;
  use(space: Space | undefined): void;
  variables: Map<string, bigint>;
  /** $_ */
  last: bigint;
  readonly world: World;
  /** Shows a line above the prompt. */
  notify(text: string): void;
  /** Names or spaces have changed: lines that were parsed before are parsed anew. */
  namesChanged(): void;
  /** Looks registers up; a later register map replaces it. */
  resolveRegister: (space: string | undefined, path: readonly PathStep[]) => RegisterPlace | string;
  /** Asks the prompt, or the script, to end. */
  quit(): void;
}
