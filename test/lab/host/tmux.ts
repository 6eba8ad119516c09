import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Requirement } from '../packages.js';
import { buildFolder } from '../project.js';
import { quote } from '../guest.js';

/** What the tests of this folder need on the machine. */
export const requirements: readonly Requirement[] = [
  { probe: 'tmux', packages: ['tmux'] },
  { probe: 'bash', packages: ['bash'] },
];

/** Guests are slow, and so is a machine under load. */
const PATIENCE_MS = 60_000;
const run = promisify(execFile);

/** What a program may leave changed behind it: tmux's own record of the terminal that it emulates. */
const stateFields = [
  'alternate_on',
  'cursor_flag',
  'insert_flag',
  'keypad_cursor_flag',
  'keypad_flag',
  'mouse_all_flag',
  'mouse_any_flag',
  'mouse_button_flag',
  'mouse_sgr_flag',
  'mouse_standard_flag',
  'mouse_utf8_flag',
  'origin_flag',
  'wrap_flag',
  'scroll_region_upper',
  'scroll_region_lower',
  'pane_title',
] as const;

export interface WindowOptions {
  readonly columns?: number;
  readonly rows?: number;
  /** Further variables of the shell's environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A window of tmux with bash in it, which has the built tool as the command `vfiodbg`, and a home of its own. */
export class Window {
  /** The shell's home and working folder. */
  readonly home = mkdtempSync(join(tmpdir(), 'vfiodbg-tmux-'));
  readonly #socket = join(this.home, 'tmux');

  static async open(t: TestContext, { columns = 80, rows = 24, env = {} }: WindowOptions = {}): Promise<Window> {
    const window = new Window();
    t.after(() => window.#close());
    const { home } = window;
    const tool = join(home, 'vfiodbg');
    writeFileSync(
      tool,
      `#!/bin/sh\nexec ${quote(process.execPath)} ${quote(join(buildFolder, 'bundle/main.js'))} "$@"\n`,
    );
    chmodSync(tool, 0o755);
    const own = { HOME: home, PATH: `${home}:${process.env['PATH'] ?? ''}`, LC_ALL: 'C.UTF-8', PS1: '$ ', ...env };
    const words = Object.entries(own).map(([name, value]) => quote(`${name}=${value}`));
    const shell = `cd ${quote(home)}; exec env -u TMUX -u NO_COLOR ${words.join(' ')} bash --norc --noprofile`;
    await window.#tmux('-f', '/dev/null', 'new-session', '-d', '-x', `${columns}`, '-y', `${rows}`, shell);
    await window.until((text) => text.startsWith('$'), 'the shell');
    return window;
  }

  async #tmux(...args: readonly string[]): Promise<string> {
    return (await run('tmux', ['-u', '-S', this.#socket, ...args])).stdout;
  }

  /** Text as if it were typed, all at once. */
  async type(text: string): Promise<void> {
    await this.#tmux('send-keys', '-l', '--', text);
  }

  /** Keys by tmux's names: Enter, Escape, F1, C-z, BTab, Up. */
  async press(...keys: readonly string[]): Promise<void> {
    for (const key of keys) await this.#tmux('send-keys', key);
  }

  /** A line for the shell, or for the tool's prompt. */
  async enter(line: string): Promise<void> {
    await this.type(line);
    await this.press('Enter');
  }

  /** Pastes as a terminal does: in brackets where the program has asked for them. */
  async paste(text: string): Promise<void> {
    await this.#tmux('set-buffer', text);
    await this.#tmux('paste-buffer', '-p');
  }

  async resize(columns: number, rows: number): Promise<void> {
    await this.#tmux('resize-window', '-x', `${columns}`, '-y', `${rows}`);
  }

  /** What stands in the window, a row a line, without the blanks at the ends. */
  async text(): Promise<string> {
    return (await this.#tmux('capture-pane', '-p')).replace(/\n*$/, '\n');
  }

  /** The same with its colours and attributes, as SGR sequences. */
  async picture(): Promise<string> {
    return this.#tmux('capture-pane', '-p', '-e');
  }

  /** The modes of the terminal, by tmux's names. */
  async state(): Promise<Readonly<Record<string, string>>> {
    const answer = await this.#tmux('display-message', '-p', stateFields.map((name) => `#{${name}}`).join('|'));
    return Object.fromEntries(
      answer
        .trimEnd()
        .split('|')
        .map((value, index) => [stateFields[index] ?? '', value]),
    );
  }

  /** The modes of the line discipline, as stty prints them. */
  modes(): string {
    const tty = execFileSync('tmux', ['-S', this.#socket, 'display-message', '-p', '#{pane_tty}'], {
      encoding: 'utf8',
    });
    return execFileSync('stty', ['-a', '-F', tty.trim()], { encoding: 'utf8' }).replace(
      /^.*rows \d+; columns \d+;.*\n/,
      '',
    );
  }

  /** The processes that the shell has started and that are still there. */
  async jobs(): Promise<number[]> {
    const shell = (await this.#tmux('display-message', '-p', '#{pane_pid}')).trim();
    const processes = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
    return processes.filter((pid) => parentOf(pid) === shell).map(Number);
  }

  /** Waits until `found` is true of what stands in the window, and gives that; throws with it where that does not come. */
  async until(found: (text: string) => boolean, what: string): Promise<string> {
    let text = '';
    for (const deadline = Date.now() + PATIENCE_MS; Date.now() < deadline;) {
      text = await this.text();
      if (found(text)) return text;
      await sleep(50);
    }
    assert.fail(`${what} did not come; the window shows\n${text}`);
  }

  async #close(): Promise<void> {
    await this.#tmux('kill-server').catch(() => undefined);
    // What ran there may still write its history.
    for (let tries = 0; ; tries += 1) {
      try {
        rmSync(this.home, { recursive: true, force: true });
        return;
      } catch (error) {
        if (tries === 40) throw error;
        await sleep(50);
      }
    }
  }
}

/** Source: proc(5), /proc/PID/stat: the fourth field, behind a name in parentheses that may hold anything. */
function parentOf(pid: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) \S /s, '')
      .split(' ')[0];
  } catch {
    // It has ended meanwhile.
    return undefined;
  }
}
