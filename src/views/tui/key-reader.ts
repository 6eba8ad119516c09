import { StringDecoder } from 'node:string_decoder';

/** A key as the terminal sent it. */
export interface Key {
  /** 'a', 'f2', 'tab', 'escape', 'pageup'; with 'C-', 'M-' and 'S-' in front where they were held, in this order. */
  readonly name: string;
  /** The bytes that came. */
  readonly sequence: string;
}

export interface MouseEvent {
  readonly action: 'press' | 'release' | 'wheel-up' | 'wheel-down';
  /** Counted from 0. */
  readonly column: number;
  readonly row: number;
}

export interface KeyListener {
  onKey(key: Key): void;
  onMouse(event: MouseEvent): void;
  /** Text that was pasted: none of it is a key. */
  onPaste(text: string): void;
}

/** How long the rest of a sequence may take to come, in milliseconds; an escape that stands alone for so long is the key. */
const REST_MS = 40;

const ESCAPE = '\u001b';
const PASTE_END = `${ESCAPE}[201~`;
/** What of a paste is kept; a line of the prompt is shorter. */
const LONGEST_PASTE = 65_536;

/** Keys by the end of their sequence. Sources: xterm's control sequences (PC-style function keys), terminfo of linux, rxvt and screen. */
const letters: Readonly<Record<string, string>> = {
  A: 'up',
  B: 'down',
  C: 'right',
  D: 'left',
  E: 'clear',
  F: 'end',
  H: 'home',
  P: 'f1',
  Q: 'f2',
  R: 'f3',
  S: 'f4',
  Z: 'S-tab',
};
const numbers: Readonly<Record<string, string>> = {
  1: 'home',
  2: 'insert',
  3: 'delete',
  4: 'end',
  5: 'pageup',
  6: 'pagedown',
  7: 'home',
  8: 'end',
  11: 'f1',
  12: 'f2',
  13: 'f3',
  14: 'f4',
  15: 'f5',
  17: 'f6',
  18: 'f7',
  19: 'f8',
  20: 'f9',
  21: 'f10',
  23: 'f11',
  24: 'f12',
};
const controls: Readonly<Record<string, string>> = {
  '\r': 'return',
  '\n': 'linefeed',
  '\t': 'tab',
  '\b': 'backspace',
  '\u007f': 'backspace',
  ' ': 'space',
};

/** A whole control sequence: its parameters and its end. Source: ECMA-48, 5.4. */
// oxlint-disable-next-line no-control-regex
const csi = /^\u001b\[([0-?]*)[ -/]*([@-~])/;
/** The beginning of one that has not come whole. */
// oxlint-disable-next-line no-control-regex
const partial = /^\u001b(?:\[(?:\[|M[^]{0,2}|[0-?]*[ -/]*)?|O)?$/;

/**
 * Takes the bytes of a terminal apart into keys, events of the mouse (xterm's modes 1000 and 1006) and pasted text (mode 2004), however the
 * bytes are cut into pieces.
 */
export class KeyReader {
  readonly #listener: KeyListener;
  readonly #decoder = new StringDecoder('utf8');
  /** What has come and is not told. */
  #rest = '';
  /** What has come of a paste that is not at its end. */
  #paste: string | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(listener: KeyListener) {
    this.#listener = listener;
  }

  feed(bytes: Buffer): void {
    clearTimeout(this.#timer);
    this.#rest += this.#decoder.write(bytes);
    this.#tell();
    if (this.#rest !== '' && this.#paste === undefined) this.#timer = setTimeout(() => this.#giveUp(), REST_MS);
  }

  /** Forgets what has come of a sequence. */
  close(): void {
    clearTimeout(this.#timer);
    this.#rest = '';
    this.#paste = undefined;
  }

  /** The rest did not come: what was taken for the beginning of a sequence is keys. */
  #giveUp(): void {
    this.#key(this.#take(firstLength(this.#rest)));
    this.#tell();
    if (this.#rest !== '') this.#giveUp();
  }

  #tell(): void {
    while (this.#rest !== '') {
      if (this.#paste !== undefined) {
        if (!this.#takePaste(this.#paste)) return;
      } else if (!this.#rest.startsWith(ESCAPE)) this.#key(this.#take(firstLength(this.#rest)));
      else if (partial.test(this.#rest)) return;
      else this.#sequence();
    }
  }

  #take(length: number): string {
    const taken = this.#rest.slice(0, length);
    this.#rest = this.#rest.slice(length);
    return taken;
  }

  /** False where the end has not come yet. */
  #takePaste(before: string): boolean {
    const all = before + this.#rest;
    const end = all.indexOf(PASTE_END);
    if (end < 0) {
      // The beginning of its end may be among what is kept.
      this.#paste = all.length > LONGEST_PASTE ? all.slice(0, LONGEST_PASTE) + all.slice(-PASTE_END.length) : all;
      this.#rest = '';
      return false;
    }
    this.#paste = undefined;
    this.#rest = all.slice(end + PASTE_END.length);
    this.#listener.onPaste(all.slice(0, Math.min(end, LONGEST_PASTE)));
    return true;
  }

  /** What begins with an escape, and has come whole. */
  #sequence(): void {
    const rest = this.#rest;
    const found = csi.exec(rest);
    // The Linux console's first five function keys.
    if (/^.\[\[[A-E]/.test(rest)) this.#named(this.#take(4), `f${rest.charCodeAt(3) - 64}`);
    else if (rest.startsWith(`${ESCAPE}[M`)) this.#oldMouse(this.#take(6));
    else if (found) this.#control(this.#take(found[0].length), found[1] ?? '', found[2] ?? '');
    else if (/^.O[A-Za-z]/.test(rest)) this.#named(this.#take(3), letters[rest.charAt(2)]);
    else if (rest.charAt(1) === ESCAPE || rest.charAt(1) === '[') this.#key(this.#take(1));
    else {
      const character = rest.slice(1, 1 + firstLength(rest.slice(1)));
      this.#named(this.#take(1 + character.length), `M-${nameOf(character)}`);
    }
  }

  #control(sequence: string, parameters: string, end: string): void {
    if (parameters.startsWith('<') && (end === 'M' || end === 'm')) {
      const [button = 0, column = 1, row = 1] = parameters.slice(1).split(';').map(Number);
      this.#mouse(button, end === 'M', column - 1, row - 1);
      return;
    }
    const [number = '', modifiers = '1'] = parameters.split(';');
    if (end === '~' && number === '200') {
      this.#paste = '';
      return;
    }
    const name = end === '~' || end === '^' || end === '$' ? numbers[number] : letters[end];
    const held = Number(modifiers) - 1;
    const prefix = `${(held & 4) === 0 ? '' : 'C-'}${(held & 10) === 0 ? '' : 'M-'}${(held & 1) === 0 ? '' : 'S-'}`;
    // What the terminal tells that nobody asked for (focus, its answers) is no key.
    if (name !== undefined) this.#named(sequence, `${prefix}${name}`);
  }

  /** A terminal that does not know mode 1006. */
  #oldMouse(sequence: string): void {
    const [button = 0, column = 0, row = 0] = [3, 4, 5].map((at) => sequence.charCodeAt(at) - 32);
    this.#mouse(button, (button & 3) !== 3 || button >= 64, column - 1, row - 1);
  }

  #mouse(button: number, pressed: boolean, column: number, row: number): void {
    // Movements are told by bit 5.
    if (![button, column, row].every(Number.isSafeInteger) || (button & 32) !== 0) return;
    const wheel = (button & 64) !== 0;
    if (wheel && (button & 3) < 2) {
      this.#listener.onMouse({ action: (button & 1) === 0 ? 'wheel-up' : 'wheel-down', column, row });
    } else if (!wheel) this.#listener.onMouse({ action: pressed ? 'press' : 'release', column, row });
  }

  #key(character: string): void {
    if (character !== '') this.#named(character, nameOf(character));
  }

  #named(sequence: string, name: string | undefined): void {
    if (name !== undefined) this.#listener.onKey({ name, sequence });
  }
}

/** UTF-16 units of the first character. */
function firstLength(text: string): number {
  return (text.codePointAt(0) ?? 0) > 0xffff ? 2 : 1;
}

function nameOf(character: string): string {
  if (character === ESCAPE) return 'escape';
  const known = controls[character];
  if (known !== undefined) return known;
  if (character < ' ') return `C-${String.fromCharCode(character.charCodeAt(0) + 0x60)}`;
  return character >= 'A' && character <= 'Z' ? `S-${character.toLowerCase()}` : character;
}
