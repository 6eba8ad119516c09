import type { Command } from '../command.js';

/**
 * The command modules, loaded when one of their commands is first used. `names` repeats what the module declares, each command with its
 * aliases behind it, so that the prompt knows every name without loading anything; a test holds the two together.
 */
export interface CommandModule {
  readonly names: readonly (readonly [name: string, ...aliases: string[]])[];
  load(): Promise<{ readonly commands: readonly Command[] }>;
}

export const commandModules: readonly CommandModule[] = [{ names: [['echo']], load: () => import('./echo.js') }];
