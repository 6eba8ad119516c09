import { bitsText } from '../../vfio/registers/field-value.js';
import { fullName } from '../../vfio/registers/lookup.js';
import type { Session } from '../session.js';
import type { Pane } from './pane.js';
import { RegistersPane } from './registers-pane.js';

/** A value that is to be another one, and the command line that makes it that. */
export interface Edit {
  /** What is asked: the field, its bits, and the names of its values. */
  readonly title: string;
  /** The value now, as far as it is known. */
  readonly value: string;
  line(typed: string): string;
}

/** What `e` edits in `pane`: the chosen field, or a register without fields as a whole; a text says why nothing. */
export function editIn(pane: Pane, session: Session): Edit | string {
  if (session.options.get('readonly')) return 'the session is read-only';
  if (!(pane instanceof RegistersPane) || pane.register === undefined) return 'choose a register';
  const { register, field } = pane;
  const { access, writeEffect } = field ?? register;
  // What a w1c register or field reads as would clear it: it is not proposed.
  const stores = writeEffect === 'modify';
  if (access === 'ro' || access === 'reserved') {
    const what = `${field?.name ?? register.path} is ${access === 'ro' ? 'read-only' : 'reserved'}`;
    return `${what}; ${field === undefined ? 'poke' : 'set --force'} writes it all the same`;
  }
  const effect = stores ? '' : `, ${writeEffect}`;
  if (field === undefined) {
    return {
      title: `${register.path} (${register.width} bits${effect})`,
      value: stores ? pane.registerValue : '',
      line: (typed) => `poke ${fullName(register)} ${typed.trim()}`,
    };
  }
  const names = field.values.filter(({ usage, isDefault }) => usage !== 'read' && isDefault !== true);
  const choices = names.length === 0 ? '' : ` (${names.map(({ name }) => name).join(', ')})`;
  return {
    title: `${register.path}.${field.name} ${bitsText(field)}${effect}${choices}`,
    value: stores ? pane.fieldValue : '',
    line: (typed) => `set ${fullName(register)} ${field.name}=${typed.trim()}`,
  };
}
