import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';

/** A folder of the user's own profiles, the only one that this process sees. */
export class ProfileFolder {
  readonly path: string;

  constructor() {
    const home = mkdtempSync(join(tmpdir(), 'vfiodbg-profiles-'));
    this.path = join(home, 'vfiodbg', 'profiles');
    mkdirSync(this.path, { recursive: true });
    process.env['XDG_CONFIG_HOME'] = home;
    after(() => rmSync(home, { recursive: true }));
  }

  /** Writes a file there: text as it is, anything else as JSON. @returns its path */
  write(name: string, content: string | object): string {
    const path = join(this.path, name);
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
    return path;
  }

  remove(name: string): void {
    rmSync(join(this.path, name), { force: true });
  }
}
