import { requesterName, type Fault } from './fault.js';

/**
 * arm-smmu-v3 9050000.smmuv3: event 0x10 received:
 * arm-smmu-v3 9050000.smmuv3: \t0x0000002000000010      (four words)
 * and since Linux 6.15, behind these:
 * arm-smmu-v3 9050000.smmuv3: event: F_TRANSLATION client: 0000:00:04.0 sid: 0x20 ssid: 0x0 iova: 0xdead000 ipa: 0x0
 * Source: drivers/iommu/arm/arm-smmu-v3/arm-smmu-v3.c, arm_smmu_evtq_thread() and arm_smmu_dump_event().
 */
const begins = /arm-smmu-v3 (\S+): event 0x([0-9a-f]{2}) received:/i;
const goesOn = /arm-smmu-v3 (\S+):\s+0x([0-9a-f]{16})\s*$/i;
const names = /arm-smmu-v3 (\S+): event: \S+ client: (\S+) sid:/i;

const WORDS = 4;

interface EventKind {
  readonly name: string;
  readonly reason: string;
  readonly cause: Fault['cause'];
  /** Its third word is the address, and the bit RnW counts. */
  readonly hasAddress: boolean;
}

function kind(name: string, reason: string, cause: Fault['cause'], hasAddress = false): EventKind {
  return { name, reason, cause, hasAddress };
}

/** Source: Arm IHI 0070, section 7.3. */
const eventKinds: Readonly<Record<number, EventKind>> = {
  0x01: kind('F_UUT', 'the upstream transaction is not supported', 'configuration', true),
  0x02: kind('C_BAD_STREAMID', 'the stream ID is out of range', 'configuration'),
  0x03: kind('F_STE_FETCH', 'the stream table entry could not be read', 'configuration'),
  0x04: kind('C_BAD_STE', 'the stream table entry is not valid: the device has no domain', 'configuration'),
  0x05: kind('F_BAD_ATS_TREQ', 'an ATS translation request is not allowed', 'configuration', true),
  0x06: kind('F_STREAM_DISABLED', 'the stream is disabled', 'configuration'),
  0x07: kind('F_TRANSL_FORBIDDEN', 'translated addresses are not taken from this device', 'configuration', true),
  0x08: kind('C_BAD_SUBSTREAMID', 'the substream ID (PASID) is not valid', 'configuration'),
  0x09: kind('F_CD_FETCH', 'the context descriptor could not be read', 'configuration'),
  0x0a: kind('C_BAD_CD', 'the context descriptor is not valid', 'configuration'),
  0x0b: kind('F_WALK_EABT', 'the page tables could not be read (external abort)', 'configuration', true),
  0x10: kind('F_TRANSLATION', 'the address is not mapped', 'unmapped', true),
  0x11: kind('F_ADDR_SIZE', 'the address does not fit the tables (address size)', 'unmapped', true),
  0x12: kind('F_ACCESS', 'the access flag of the page is clear', 'configuration', true),
  0x13: kind('F_PERMISSION', 'the page is mapped, but not for this access', 'permission', true),
  0x20: kind('F_TLB_CONFLICT', 'entries of the TLB contradict each other', 'configuration', true),
  0x21: kind('F_CFG_CONFLICT', 'cached configurations contradict each other', 'configuration'),
  0x24: kind('E_PAGE_REQUEST', 'the device asked for a page', 'unmapped', true),
  0x25: kind('F_VMS_FETCH', 'the virtual machine structure could not be read', 'configuration'),
};

/** Decodes an event's four words. */
function decodeEvent(words: readonly bigint[], reporter: string, lines: readonly string[]): Fault {
  const [first = 0n, second = 0n, address = 0n] = words;
  const id = Number(first & 0xffn);
  const known = eventKinds[id] ?? kind('event', `event 0x${id.toString(16)}, which is not known here`, 'configuration');
  const bit = (word: bigint, at: number): boolean => ((word >> BigInt(at)) & 1n) === 1n;
  const isRead = bit(second, 35);
  const isInstruction = bit(second, 34);
  return {
    source: 'smmuv3',
    reporter,
    streamId: Number(first >> 32n),
    ...(bit(first, 11) && { pasid: Number((first >> 12n) & 0xfffffn) }),
    ...(known.hasAddress && { address, access: isRead ? (isInstruction ? 'execute' : 'read') : 'write' }),
    granularity: 1,
    code: `${known.name} (0x${id.toString(16).padStart(2, '0')})`,
    reason: known.reason,
    cause: known.cause,
    lines,
  };
}

interface Pending {
  readonly lines: string[];
  readonly words: bigint[];
}

/** Gathers the lines of events, which come one record each and may be mixed with those of other SMMUs. */
export class SmmuV3Events {
  readonly #pending = new Map<string, Pending>();

  /** Whether an event has begun and not been told yet. */
  get isWaiting(): boolean {
    return this.#pending.size > 0;
  }

  /** Takes a line; gives the fault that it completes. Undefined where it belongs to no event. */
  take(text: string): readonly Fault[] | undefined {
    const begun = begins.exec(text);
    if (begun !== null) {
      const [, reporter = ''] = begun;
      const before = this.#told(reporter);
      this.#pending.set(reporter, { lines: [text], words: [] });
      return before;
    }
    const word = goesOn.exec(text);
    if (word !== null) {
      const [, reporter = '', digits = '0'] = word;
      const event = this.#pending.get(reporter);
      if (event === undefined || event.words.length >= WORDS) return undefined;
      event.lines.push(text);
      event.words.push(BigInt(`0x${digits}`));
      return [];
    }
    const named = names.exec(text);
    if (named === null) return undefined;
    const [, reporter = '', client = ''] = named;
    const event = this.#pending.get(reporter);
    event?.lines.push(text);
    return this.#told(reporter, client);
  }

  /** The events whose words are complete: no line that names their device came behind them. */
  flush(): Fault[] {
    return [...this.#pending].flatMap(([reporter, { words }]) => (words.length === WORDS ? this.#told(reporter) : []));
  }

  #told(reporter: string, client?: string): Fault[] {
    const event = this.#pending.get(reporter);
    this.#pending.delete(reporter);
    if (event === undefined || event.words.length < WORDS) return [];
    const fault = decodeEvent(event.words, reporter, event.lines);
    if (client === undefined || client.startsWith('(')) return [fault];
    return [{ ...fault, requester: requesterName(client) ?? client }];
  }
}
