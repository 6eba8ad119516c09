/** capstone-wasm 1.0.3 has types but does not export them; these are the parts the stubs' test uses. */
declare module 'capstone-wasm' {
  export interface Insn {
    address: number | bigint;
    size: number;
    mnemonic: string;
    opStr: string;
  }
  export const Const: {
    readonly CS_ARCH_X86: number;
    readonly CS_ARCH_ARM64: number;
    readonly CS_MODE_64: number;
    readonly CS_MODE_LITTLE_ENDIAN: number;
  };
  export class Capstone {
    constructor(arch: number, mode: number);
    disasm(data: Uint8Array, options?: { address?: number | bigint; count?: number }): Insn[];
    close(): void;
  }
  export function loadCapstone(): Promise<void>;
}
