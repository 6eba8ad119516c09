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
  if (field === undefined) {
    const stores = register.writeEffect === 'modify';
    if (register.access === 'ro' || register.access === 'reserved')
      return `${register.path} is ${register.access === 'ro' ? 'read-only' : 'reserved'}; poke writes it all the same`;
    return {
      title: `${register.path} (${register.width} bits${stores ? '' : `, ${register.writeEffect}`})`,
      // What a w1c register reads as would clear it.
      value: stores ? pane.registerValue : '',
      line: (typed) => `poke ${fullName(register)} ${typed.trim()}`,
    };
  }
  const names = field.values.filter(({ usage, isDefault }) => usage !== 'read' && isDefault !== true);
  const choices = names.length === 0 ? '' : ` (${names.map(({ name }) => name).join(', ')})`;
  return {
    title: `${register.path}.${field.name} ${bitsText(field)}${choices}`,
    value: pane.fieldValue,
    line: (typed) => `set ${fullName(register)} ${field.name}=${typed.trim()}`,
  };
}
