import { VfioError } from '../../vfio/errors.js';
import type { RegisterSet } from '../../vfio/registers/register-set.js';
import type { Space } from '../../vfio/space.js';
import type { Tally } from '../../vfio/tally.js';
import type { Width } from '../../vfio/width.js';
import type { Names, PathStep, RegisterPlace } from '../environment.js';
import type { Session } from '../session.js';
import { LookingSpace } from './looking-space.js';

/** The session's names, with spaces that can only be looked at. */
export class LookingNames implements Names {
  readonly #session: Session;
  /** The sum of what was read. */
  readonly tally: Tally;
  readonly #spaces = new WeakMap<Space, Space>();

  constructor(session: Session, tally: Tally) {
    this.#session = session;
    this.tally = tally;
  }

  space(name: string): Space | undefined {
    return this.#looking(this.#session.space(name));
  }

  get spaceNames(): readonly string[] {
    return this.#session.spaceNames;
  }

  get defaultSpace(): Space | undefined {
    return this.#looking(this.#session.defaultSpace);
  }

  register(space: string | undefined, path: readonly PathStep[]): RegisterPlace | string {
    return this.#session.register(space, path);
  }

  get registers(): RegisterSet {
    return this.#session.registers;
  }

  /** One place of a space, as far as reading it has no effect. Throws VfioError. */
  read(space: string, offset: number, width: Width): bigint {
    this.#session.requireDevice();
    const found = this.space(space);
    if (found !== undefined) return BigInt(found.read(width, offset));
    throw new VfioError({ kind: 'absent', operation: 'read', space, why: 'the device has no such space' });
  }

  #looking(space: Space | undefined): Space | undefined {
    const { device } = this.#session;
    if (space === undefined || device === undefined) return undefined;
    const known = this.#spaces.get(space) ?? new LookingSpace(space, device.registers, this.tally);
    this.#spaces.set(space, known);
    return known;
  }
}
