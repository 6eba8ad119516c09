import { readFileSync } from 'node:fs';

/** The package's version: its package.json lies above this file, built or packed. */
export function packageVersion(): string {
  for (let folder = new URL('.', import.meta.url); ; folder = new URL('..', folder)) {
    try {
      const manifest = JSON.parse(readFileSync(new URL('package.json', folder), 'utf8')) as { version?: string };
      return manifest.version ?? 'of unknown version';
    } catch {
      if (folder.pathname === '/') return 'of unknown version';
    }
  }
}
