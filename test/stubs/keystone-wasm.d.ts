/** keystone-wasm 1.0.4 has types but does not export them; these are the parts the stubs' tool uses. */
declare module 'keystone-wasm' {
  export const Const: {
    readonly KS_ARCH_X86: number;
    readonly KS_ARCH_ARM64: number;
    readonly KS_MODE_64: number;
    readonly KS_MODE_LITTLE_ENDIAN: number;
  };
  export class Keystone {
    constructor(arch: number, mode: number);
    /** Throws an Error with keystone's message; it names no line. */
    asm(source: string, options?: { address?: number }): Uint8Array;
    close(): void;
  }
  /** Loads the WebAssembly module; call once before the first Keystone. */
  export function loadKeystone(): Promise<void>;
}
