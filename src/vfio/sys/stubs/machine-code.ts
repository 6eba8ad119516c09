import type { Width } from '../../width.js';

/** What a stub does; each kind exists at every width. */
export type StubKind = 'read' | 'write' | 'readBlock' | 'writeBlock' | 'readArray' | 'writeArray' | 'poll';

/** The stubs that JavaScript calls; their signatures are at the head of the assembly sources. */
export type StubName = `${StubKind}${Width}`;

/** The processors that have stubs, by the name of their assembly source. */
export type Processor = 'x86_64' | 'aarch64';

/** What `npm run stubs` makes of an assembly source. */
export interface MachineCode {
  readonly processor: Processor;
  /** The code, at most a page, in hexadecimal; position-independent. */
  readonly hex: string;
  /** Offsets from the start of the code, as are those below. */
  readonly stubs: Readonly<Record<StubName, number>>;
  /** The SIGBUS handler. */
  readonly handler: number;
  /** Pairs of 32-bit offsets: an access that may fault, where its stub goes on. Ends at `recoveriesEnd`. */
  readonly recoveries: number;
  readonly recoveriesEnd: number;
  /** Eight bytes in a page of data behind the code: the address of the handler to pass foreign signals to. */
  readonly previous: number;
}
