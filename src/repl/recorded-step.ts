import type { Width } from '../vfio/width.js';
import { escape } from '../views/escape.js';
import { hexValue } from '../views/numbers.js';

/** Where an access went. */
export interface StepPlace {
  readonly space: string;
  readonly offset: number;
  readonly width: Width;
}

/** What an access came to: a value, a refusal, or, in a recording that was edited, anything at all. */
export type Outcome = { readonly value: bigint } | { readonly refused: string } | 'any';

export interface AccessStep extends StepPlace {
  readonly kind: 'read' | 'write';
  readonly outcome: Outcome;
}

/** Reads of one place until it was as wanted: only what the last of them brought counts. */
export interface PollStep extends StepPlace {
  readonly kind: 'poll';
  readonly outcome: Outcome;
  readonly reads: number;
}

/** Accesses of one width, `stride` bytes apart. */
export interface BlockStep extends StepPlace {
  readonly kind: 'read-block' | 'write-block';
  readonly count: number;
  readonly stride: number;
  readonly refused: number;
  /** The CRC-32 (zlib's) of the bytes, zeros where a read was refused. */
  readonly crc: number | 'any';
}

/** Signals of an interrupt. */
export interface IrqStep {
  readonly kind: 'irq';
  /** 'msix[3]' */
  readonly name: string;
  readonly count: bigint;
}

/** One thing that a recording holds against what happens later. */
export type Step = AccessStep | PollStep | BlockStep | IrqStep;

/** What stands in front of a step's text in a recording: nothing else may be read back. */
export const stepMark = '#: ';

/**
 * A step on one line, as a recording has it:
 *
 *     read SPACE+OFFSET (WIDTH bits) = VALUE          write SPACE+OFFSET (WIDTH bits) <- VALUE
 *     read SPACE+OFFSET (WIDTH bits) refused: ERRNO   (write as well)
 *     poll SPACE+OFFSET (WIDTH bits) = VALUE, N reads (or refused: ERRNO, N reads)
 *     read SPACE+OFFSET (WIDTH bits) x COUNT[, stride BYTES][, N refused], crc32 VALUE   (write as well)
 *     irq NAME[VECTOR] x COUNT
 *
 * Numbers are hexadecimal with 0x or decimal; `?` in place of a VALUE stands for any.
 */
export function stepText(step: Step): string {
  if (step.kind === 'irq') return `irq ${escape(step.name).replaceAll(' ', '_')} x ${step.count}`;
  if ('stride' in step) {
    const verb = step.kind === 'read-block' ? 'read' : 'write';
    const stride = step.stride * 8 === step.width ? '' : `, stride ${step.stride}`;
    const refused = step.refused === 0 ? '' : `, ${step.refused} refused`;
    const crc = step.crc === 'any' ? '?' : hexValue(step.crc, 32);
    return `${verb} ${placeText(step)} x ${step.count}${stride}${refused}, crc32 ${crc}`;
  }
  const { kind, outcome } = step;
  const sign = kind === 'write' ? '<-' : '=';
  const came =
    outcome !== 'any' && 'refused' in outcome
      ? `refused: ${escape(outcome.refused)}`
      : `${sign} ${outcome === 'any' ? '?' : hexValue(outcome.value, step.width)}`;
  return `${kind} ${placeText(step)} ${came}${kind === 'poll' ? `, ${step.reads} reads` : ''}`;
}

function placeText({ space, offset, width }: StepPlace): string {
  return `${escape(space).replaceAll(' ', '_')}+0x${offset.toString(16)} (${width} bits)`;
}

const placed = /^(read|write|poll) (\S+)\+(0x[0-9a-f]+) \((8|16|32|64) bits\) (.*)$/;
const once = /^(?:(?:=|<-) (\?|0x[0-9a-f]{1,16})|refused: (.*))$/;
const polled = /^(?:= (\?|0x[0-9a-f]{1,16})|refused: (.*)), ([0-9]+) reads$/;
const blockwise = /^x ([0-9]+)(?:, stride ([0-9]+))?(?:, ([0-9]+) refused)?, crc32 (\?|0x[0-9a-f]{1,8})$/;
const signalled = /^irq (\S+) x ([0-9]+)$/;

/** Reads a step back; undefined where `text` is none. */
export function parseStep(text: string): Step | undefined {
  const irq = signalled.exec(text);
  if (irq) return { kind: 'irq', name: irq[1] ?? '', count: BigInt(irq[2] ?? 0) };
  const [, verb, space = '', offset, width, rest = ''] = placed.exec(text) ?? [];
  if (verb === undefined) return undefined;
  const place = { space, offset: Number(offset), width: Number(width) as Width };
  const block = blockwise.exec(rest);
  if (block && verb !== 'poll') {
    const [, count, stride, lost, crc] = block;
    return {
      kind: verb === 'read' ? 'read-block' : 'write-block',
      ...place,
      count: Number(count),
      stride: stride === undefined ? place.width / 8 : Number(stride),
      refused: Number(lost ?? 0),
      crc: crc === '?' ? 'any' : Number(crc),
    };
  }
  const [, value, why = '', reads] = (verb === 'poll' ? polled : once).exec(rest) ?? [];
  if (value === undefined && why === '') return undefined;
  const outcome: Outcome = value === undefined ? { refused: why } : value === '?' ? 'any' : { value: BigInt(value) };
  return verb === 'poll'
    ? { kind: 'poll', ...place, outcome, reads: Number(reads) }
    : { kind: verb === 'read' ? 'read' : 'write', ...place, outcome };
}
