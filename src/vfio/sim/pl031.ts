import type { AccessSize, Host, Model, ModelFactory, RegionModel, Registers } from './model.js';

/**
 * pl031, the Arm PrimeCell real time clock (Arm DDI 0224; hw/rtc/pl031.c of QEMU; compared with QEMU 7.2's behind vfio-amba): one region of 4 KiB,
 * one level interrupt. It counts seconds and raises an alarm when the count meets the match register.
 *
 *   0x000 RTCDR  ro  seconds, from 1970 at power-on      0x010 RTCIMSC rw  bit 0 lets the alarm through
 *   0x004 RTCMR  rw  match                               0x014 RTCRIS  ro  bit 0: alarm
 *   0x008 RTCLR  rw  sets the count                      0x018 RTCMIS  ro  RTCRIS & RTCIMSC: the interrupt line
 *   0x00c RTCCR  ro  1: as in QEMU, it always runs       0x01c RTCICR  wo  bit 0 clears the alarm
 *   0xfe0 .. 0xffc  PrimeCell identification, one byte a word
 *
 * A narrower access at a register's offset moves its low bits; at other offsets reads give 0 and writes do nothing. The bus makes two of 8 bytes.
 */

const SIZE = 0x1000;
const RTCDR = 0x000;
const RTCMR = 0x004;
const RTCLR = 0x008;
const RTCCR = 0x00c;
const RTCIMSC = 0x010;
const RTCRIS = 0x014;
const RTCMIS = 0x018;
const RTCICR = 0x01c;
const IDENTIFICATION = 0xfe0;
const identification = [0x31, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1];

class Pl031 implements Model, Registers {
  readonly bus = 'amba';
  readonly regions: readonly RegionModel[] = [{ kind: 'registers', size: SIZE, access: 'rw', registers: this }];
  readonly irqs = [{ kind: 'line', count: 1 }] as const;

  readonly #host: Host;
  /** What to add to the host's seconds, modulo 2^32. */
  #offset = 0;
  #match = 0;
  #load = 0;
  #enabled = 0;
  #alarm = 0;
  #cancel: () => void = () => undefined;

  constructor(host: Host) {
    this.#host = host;
  }

  read(offset: number, size: AccessSize): bigint {
    return BigInt(this.#register(offset)) & ((1n << BigInt(8 * size)) - 1n);
  }

  #register(offset: number): number {
    switch (offset) {
      case RTCDR:
        return this.#seconds();
      case RTCMR:
        return this.#match;
      case RTCLR:
        return this.#load;
      case RTCCR:
        return 1;
      case RTCIMSC:
        return this.#enabled;
      case RTCRIS:
        return this.#alarm;
      case RTCMIS:
        return this.#alarm & this.#enabled;
      default:
        return offset >= IDENTIFICATION ? (identification[(offset - IDENTIFICATION) >> 2] ?? 0) : 0;
    }
  }

  write(offset: number, _size: AccessSize, value: bigint): void {
    const word = Number(value);
    switch (offset) {
      case RTCMR:
        this.#match = word;
        this.#setAlarm();
        break;
      case RTCLR:
        this.#load = word;
        this.#offset = (this.#offset + word - this.#seconds()) >>> 0;
        this.#setAlarm();
        break;
      case RTCIMSC:
        this.#enabled = word & 1;
        this.#drive();
        break;
      case RTCICR:
        this.#alarm &= ~word;
        this.#drive();
        break;
      default:
    }
  }

  #seconds(): number {
    return (Math.floor(this.#host.now() / 1000) + this.#offset) >>> 0;
  }

  /** The alarm comes once, as many whole seconds from now as the count is short of the match. */
  #setAlarm(): void {
    this.#cancel();
    const left = (this.#match - this.#seconds()) >>> 0;
    const ring = (): void => {
      this.#alarm = 1;
      this.#drive();
    };
    if (left === 0) ring();
    else this.#cancel = this.#host.setTimer(left * 1000, ring);
  }

  #drive(): void {
    this.#host.setLevel(0, (this.#alarm & this.#enabled) !== 0);
  }
}

export const createModel: ModelFactory = (host) => new Pl031(host);
