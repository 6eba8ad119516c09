import { RegisterSet } from '../vfio/registers/register-set.js';
import type { Argument, Parsed } from './arguments/argument.js';
import { Words } from './arguments/words.js';
import { type Command, isToggle } from './command.js';
import type { Names } from './environment.js';

/** A declaration as the parser walks it: worked out once for each command, since lines come by the hundred thousand. */
export interface CommandShape {
  readonly keys: readonly string[];
  readonly list: readonly Argument<unknown>[];
  readonly flagKeys: readonly string[];
  /** What a flag is where it is not given; undefined for one that must be. */
  readonly absent: readonly (Parsed<unknown> | undefined)[];
  /** It takes the rest of its line as it is. */
  readonly raw: boolean;
  /** None of its words is a flag. */
  readonly flagless: boolean;
}

const shapes = new WeakMap<Command, CommandShape>();

export function shapeOf(command: Command): CommandShape {
  const known = shapes.get(command);
  if (known) return known;
  const list = Object.values(command.arguments);
  const raw = list.some((argument) => argument.raw === true);
  const shape: CommandShape = {
    keys: Object.keys(command.arguments),
    list,
    flagKeys: Object.keys(command.flags),
    absent: Object.values(command.flags).map((flag) => {
      if (isToggle(flag)) return { constant: false };
      return flag.presence === 'required' ? undefined : flag.parse(new Words('', [], 0, nameless));
    }),
    raw,
    flagless: raw || command.control !== undefined,
  };
  shapes.set(command, shape);
  return shape;
}

/** What a flag that is not given is does not depend on any name. */
export const nameless: Names = {
  space: () => undefined,
  spaceNames: [],
  defaultSpace: undefined,
  register: () => 'no register map is loaded',
  registers: new RegisterSet(),
};
