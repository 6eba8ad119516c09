// The interrupt pump under load, beside an epoll loop in C: another process signals eventfds at the highest rate it can make, then at a
// paced rate with its own timestamps.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, readSync } from 'node:fs';
import { monotonicNs } from '../../src/vfio/journal.js';
import * as libc from '../../src/vfio/sys/libc.js';
import { Pump } from '../../src/vfio/sys/pump.js';
import { compiled } from './programs.js';
import { type Row, atMost, ratioAtLeast, ratioAtMost } from './report.js';
import { median, quantile } from './rounds.js';

const VECTORS = [1, 16, 64];
const STORM_SIGNALS = 1_000_000;
const ROUNDS = 5;
const PACED_SIGNALS = 1500;
const PACED_INTERVAL_NS = 300_000;
const STARTS = 1000;

/** How a run goes: interval 0 is as fast as it goes; a CPU of -1 is any, else the parties stay on theirs, so that both receivers are woken alike. */
interface Load {
  readonly vectors: number;
  readonly signals: number;
  readonly intervalNs: number;
  readonly signallerCpu: number;
  readonly receiverCpu: number;
}

interface Received {
  readonly events: number;
  readonly signals: number;
  readonly elapsedNs: number;
  /** Nanoseconds from the signaller's timestamp to the receiver's; paced runs only. */
  readonly p50: number;
  readonly p99: number;
}

interface Referenced extends Received {
  /** How late a 5 ms timer on this process's idle main thread came meanwhile, at worst, in ms: what the machine alone does. */
  readonly worstLagMs: number;
}

interface Pumped extends Referenced {
  /** To the sink on the main thread. */
  readonly mainP50: number;
  readonly mainP99: number;
  readonly dropped: bigint;
}

function value({ value: number, errno }: libc.Result): number {
  if (errno !== 0) throw new Error(libc.errnoName(errno));
  return number;
}

/** The eventfds and the stamps' memfd of one run. */
class Wires {
  readonly eventfds: number[];
  readonly stamps: number;

  constructor(vectors: number, signals: number) {
    this.eventfds = Array.from({ length: vectors }, () => value(libc.eventfd()));
    this.stamps = value(libc.memfd('stamps', signals * 8));
  }

  start(program: string, mode: 'signal' | 'receive', load: Load): ChildProcess {
    const cpu = mode === 'signal' ? load.signallerCpu : load.receiverCpu;
    const args = [mode, load.vectors, load.signals, cpu, load.intervalNs].map(String);
    return spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe', this.stamps, ...this.eventfds] });
  }

  close(): void {
    for (const fd of [...this.eventfds, this.stamps]) libc.close(fd);
  }
}

async function ended(child: ChildProcess): Promise<void> {
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${child.spawnargs.join(' ')} ended with ${code}`);
}

/** Watches the main thread's responsiveness by a 5 ms timer; the returned function ends that and tells the worst lag in ms. */
function watchLag(): () => number {
  let worst = 0;
  let due = performance.now() + 5;
  const timer = setInterval(() => {
    const now = performance.now();
    worst = Math.max(worst, now - due);
    due = now + 5;
  }, 5);
  return () => {
    clearInterval(timer);
    return worst;
  };
}

async function reference(program: string, load: Load): Promise<Referenced> {
  const wires = new Wires(load.vectors, load.signals);
  const receiver = wires.start(program, 'receive', load);
  let output = '';
  receiver.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  if (receiver.stderr) await once(receiver.stderr, 'data');
  const lag = watchLag();
  await Promise.all([ended(receiver), ended(wires.start(program, 'signal', load))]);
  const worstLagMs = lag();
  wires.close();
  return { ...(JSON.parse(output) as Received), worstLagMs };
}

const threads = (): string[] => readdirSync('/proc/self/task');

/** The process's pump, its thread on `cpu`. */
async function pumpOn(program: string, cpu: number): Promise<Pump> {
  const before = new Set(threads());
  const pump = Pump.acquire();
  const made = threads().filter((thread) => !before.has(thread));
  if (cpu >= 0) await ended(spawn(program, ['pin', String(cpu), ...made]));
  return pump;
}

async function pumped(program: string, load: Load): Promise<Pumped> {
  const { vectors, signals } = load;
  const wires = new Wires(vectors, signals);
  const pump = await pumpOn(program, load.receiverCpu);
  let events = 0;
  let arrived = 0;
  let firstNs = 0;
  let lastNs = 0;
  const paced = load.intervalNs > 0;
  const seen: { index: number; timeNs: number; mainNs: number }[] = [];
  let finish = (): void => undefined;
  const all = new Promise<void>((resolve) => (finish = resolve));
  const droppedBefore = pump.dropped;
  const sources = wires.eventfds.map((fd, vector) => {
    let before = 0;
    const sink = {
      signalled(timeNs: number, count: bigint): void {
        if (firstNs === 0) firstNs = timeNs;
        lastNs = timeNs;
        if (paced) seen.push({ index: before * vectors + vector, timeNs, mainNs: monotonicNs() });
        before += Number(count);
        arrived += Number(count);
        events++;
        if (arrived === signals) finish();
      },
      stormed: () => undefined,
      failed: (errno: string) => {
        throw new Error(`vector ${vector}: ${errno}`);
      },
    };
    return pump.add(fd, sink, { guard: { signals: Infinity, withinMs: 1000 } });
  });

  const lag = watchLag();
  await ended(wires.start(program, 'signal', load));
  // Events that the ring had no room for never arrive; the totals below tell whether a signal is missing.
  await Promise.race([all, new Promise((resolve) => setTimeout(resolve, 1000).unref())]);
  const worstLagMs = lag();

  const dropped = pump.dropped.events - droppedBefore.events;
  let total = 0n;
  for (const source of sources) total += pump.remove(source).count;
  const stamps = new BigUint64Array(signals);
  readSync(wires.stamps, stamps, 0, signals * 8, 0);
  const toPump = seen.map(({ index, timeNs }) => timeNs - Number(stamps[index] ?? 0n));
  const toMain = seen.map(({ index, mainNs }) => mainNs - Number(stamps[index] ?? 0n));
  wires.close();
  await pump.release();
  return {
    events: events + Number(dropped),
    signals: Number(total),
    elapsedNs: lastNs - firstNs,
    p50: median(sorted(toPump)),
    p99: quantile(sorted(toPump), 0.99),
    mainP50: median(sorted(toMain)),
    mainP99: quantile(sorted(toMain), 0.99),
    dropped,
    worstLagMs,
  };
}

const sorted = (values: readonly number[]): readonly number[] => values.toSorted((a, b) => a - b);
const eventRate = (received: Received): number => (received.events * 1e9) / received.elapsedNs;
const signalRate = (received: Received): number => (received.signals * 1e9) / received.elapsedNs;
const perSecond = (events: number): string => `${Math.round(events / 1000)}k/s`;
const microseconds = (ns: number): string => `${(ns / 1000).toFixed(1)} us`;
const milliseconds = (ms: number): string => `${ms.toFixed(1)} ms`;
const nounOf = (vectors: number): string => (vectors === 1 ? '1 vector' : `${vectors} vectors`);

interface Placement {
  readonly name: string;
  readonly signallerCpu: number;
  readonly receiverCpu: number;
}

async function storm(program: string, vectors: number, place: Placement): Promise<Row[]> {
  const load = { vectors, signals: STORM_SIGNALS, intervalNs: 0, ...place };
  const ours: Pumped[] = [];
  const theirs: Referenced[] = [];
  for (let count = 0; count < ROUNDS; count++) {
    theirs.push(await reference(program, load));
    ours.push(await pumped(program, load));
  }
  const sums = ours.map((round) => round.signals);
  const right = sums.every((sum) => sum === STORM_SIGNALS);
  // The best round of each: what else runs on the machine only takes away.
  const pump = Math.max(...ours.map(eventRate));
  const loop = Math.max(...theirs.map(eventRate));
  const lags = ours.map((round) => round.worstLagMs);
  const lag = median(sorted(lags));
  const idleLags = theirs.map((round) => round.worstLagMs);
  const dropped = ours.reduce((sum, round) => sum + round.dropped, 0n);
  const what = `storm on ${nounOf(vectors)}:`;
  return [
    {
      name: `${what} signals summed`,
      measured: right ? `${STORM_SIGNALS}` : sums.join(' '),
      reference: `${theirs[0]?.signals}`,
      limit: { text: `${STORM_SIGNALS} sent`, met: right },
    },
    {
      name: `${what} signals taken`,
      measured: perSecond(Math.max(...ours.map(signalRate))),
      reference: perSecond(Math.max(...theirs.map(signalRate))),
    },
    {
      name: `${what} events into the ring`,
      measured: perSecond(pump),
      reference: perSecond(loop),
      ratio: pump / loop,
      limit: ratioAtLeast(pump / loop, 0.5),
    },
    { name: `${what} events dropped and counted`, measured: `${dropped}` },
    {
      name: `${what} main thread's worst lag (median round)`,
      measured: milliseconds(lag),
      reference: milliseconds(median(sorted(idleLags))),
      limit: atMost(lag, 50, 'ms'),
    },
    {
      name: `${what} main thread's worst lag (worst round)`,
      measured: milliseconds(Math.max(...lags)),
      reference: milliseconds(Math.max(...idleLags)),
    },
  ];
}

async function latency(program: string, vectors: number, place: Placement): Promise<Row[]> {
  const load = { vectors, signals: PACED_SIGNALS, intervalNs: PACED_INTERVAL_NS, ...place };
  const ours: Pumped[] = [];
  const theirs: Referenced[] = [];
  for (let count = 0; count < ROUNDS; count++) {
    theirs.push(await reference(program, load));
    ours.push(await pumped(program, load));
  }
  const right = ours.every((round) => round.signals === PACED_SIGNALS);
  const row = (part: string, figure: 'p50' | 'p99' | 'mainP50' | 'mainP99', loop: number, most?: number): Row => {
    const pump = median(sorted(ours.map((round) => round[figure])));
    const ratio = pump / loop;
    const kept = most === undefined ? undefined : ratioAtMost(ratio, most);
    return {
      name: `paced on ${nounOf(vectors)}, ${place.name}: to ${part}`,
      measured: microseconds(pump),
      reference: microseconds(loop),
      ratio,
      ...(kept && { limit: { text: kept.text, met: kept.met && right } }),
    };
  };
  const p50 = median(sorted(theirs.map((round) => round.p50)));
  const p99 = median(sorted(theirs.map((round) => round.p99)));
  return [
    row('timestamp, p50', 'p50', p50, 5),
    row('timestamp, p99', 'p99', p99),
    row('main thread, p50', 'mainP50', p50),
    row('main thread, p99', 'mainP99', p99),
  ];
}

/** The signaller beside the receiver, and on a processor of its own where this process may use two. */
function placements(): Placement[] {
  const allowed = /^Cpus_allowed_list:\s*(.*)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  const cpus = allowed.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
  const [one = 0, other] = cpus;
  const same = { name: 'same CPU', signallerCpu: one, receiverCpu: one };
  return other === undefined ? [same] : [same, { name: 'other CPU', signallerCpu: one, receiverCpu: other }];
}

async function starts(): Promise<Row> {
  await Pump.acquire().release();
  const before = readdirSync('/proc/self/fd').length;
  const threadsBefore = threads().length;
  const begun = performance.now();
  for (let index = 0; index < STARTS; index++) await Pump.acquire().release();
  const each = (performance.now() - begun) / STARTS;
  const fds = readdirSync('/proc/self/fd').length - before;
  const left = threads().length - threadsBefore;
  return {
    name: `${STARTS} starts and stops of the pump`,
    measured: `${each.toFixed(1)} ms each, ${fds} fds and ${left} threads left`,
    limit: { text: 'none left', met: fds === 0 && left === 0 },
  };
}

export async function run(): Promise<Row[]> {
  const program = compiled('irq-reference.c');
  const rows: Row[] = [];
  const places = placements();
  // Both at once where there are two processors: the highest rate that the signaller can make.
  const storms = places.at(-1);
  for (const vectors of VECTORS) if (storms) rows.push(...(await storm(program, vectors, storms)));
  for (const place of places) {
    for (const vectors of VECTORS) rows.push(...(await latency(program, vectors, place)));
  }
  rows.push(await starts());
  return rows;
}
