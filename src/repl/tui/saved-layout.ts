import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { VfioError } from '../../vfio/errors.js';
import { makeFolder } from '../../vfio/folder.js';
import { configurationFolder } from '../../vfio/home.js';
import { fileError } from '../file-error.js';
import { refuseLoss } from '../kept-file.js';
import { UsageError } from '../usage-error.js';
import { type PaneSpec, paneSpec } from './pane-spec.js';

const schema = v.object({
  format: v.literal('vfiodbg-layout'),
  version: v.literal(1),
  panes: v.pipe(v.array(paneSpec), v.maxLength(32)),
  recent: v.optional(v.pipe(v.array(v.string()), v.maxLength(32)), []),
});

/** What is kept of the panes. */
export interface SavedLayout {
  readonly panes: readonly PaneSpec[];
  /** Names of panes, that which was in use last first: where there is no room for all, these are in sight. */
  readonly recent: readonly string[];
}

/** The layout that the full screen begins with, where it was saved. */
export const INITIAL_LAYOUT = 'default';

/** The folder of the saved layouts. Throws VfioError where the user has none. */
function folder(): string {
  return join(configurationFolder(), 'layouts');
}

function fileOf(name: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/.test(name)) {
    throw new UsageError(`"${name}" is no name for a layout`, undefined, 'letters, digits, - and _');
  }
  return join(folder(), `${name}.json`);
}

/** Writes `layout` under `name`. Throws VfioError where that fails, or one would be lost that is not to be replaced. @returns the file. */
export function saveLayout(name: string, layout: SavedLayout, replaces: boolean): string {
  const file = fileOf(name);
  refuseLoss(file, replaces);
  try {
    makeFolder(folder(), 0o700);
    // A layout that is half written would be worse than the one before.
    writeFileSync(`${file}.new`, `${JSON.stringify({ format: 'vfiodbg-layout', version: 1, ...layout }, null, 2)}\n`);
    renameSync(`${file}.new`, file);
  } catch (error) {
    throw fileError('save the layout to', file, error);
  }
  return file;
}

/** Reads what was saved as `name`. Throws UsageError where nothing was, and VfioError that says where it is no layout. */
export function loadLayout(name: string): SavedLayout {
  const file = fileOf(name);
  const names = savedLayouts();
  if (!names.includes(name)) {
    const hint = names.length === 0 ? 'layout save NAME saves one' : `there are ${names.join(', ')}`;
    throw new UsageError(`there is no layout "${name}"`, undefined, hint);
  }
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError) throw refused(file, `it is no JSON: ${error.message}`);
    throw fileError('load the layout from', file, error);
  }
  const parsed = v.safeParse(schema, json);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw refused(file, `${v.getDotPath(issue) ?? 'the file'}: ${issue.message}`);
}

function refused(file: string, why: string): VfioError {
  return new VfioError({
    kind: 'absent',
    operation: `load the layout from ${file}`,
    why,
    hint: 'layout save writes one',
  });
}

/** The names of the saved layouts. */
export function savedLayouts(): string[] {
  try {
    return readdirSync(folder())
      .filter((name) => name.endsWith('.json'))
      .map((name) => name.slice(0, -'.json'.length))
      .sort();
  } catch {
    return [];
  }
}
