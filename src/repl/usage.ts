import { type Command, flagName, isToggle } from './command.js';

/** 'peek[.b|.w|.l|.q] LOCATION [COUNT] [--stride N] [--allow-split]' */
export function usage(command: Command): string {
  const parts = [command.width ? `${command.name}[.b|.w|.l|.q]` : command.name];
  for (const { label, presence } of Object.values(command.arguments)) {
    if (presence === 'required') parts.push(label);
    else parts.push(presence === 'many' ? `[${label}...]` : `[${label}]`);
  }
  for (const [key, flag] of Object.entries(command.flags)) {
    const shown = isToggle(flag) ? flagName(key) : `${flagName(key)} ${flag.label}`;
    parts.push(!isToggle(flag) && flag.presence === 'required' ? shown : `[${shown}]`);
  }
  return parts.join(' ');
}
