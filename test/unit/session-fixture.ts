import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { commandModules } from '../../src/repl/commands/index.js';
import type { Output } from '../../src/repl/output.js';
import { Registry } from '../../src/repl/registry.js';
import { Session } from '../../src/repl/session.js';
import { Device } from '../../src/vfio/device.js';
import { json } from '../../src/views/sinks/json.js';
import { plain } from '../../src/views/sinks/plain.js';
import type { View } from '../../src/views/view.js';
import { MemfdTransport } from './memfd-transport.js';

/** An output that keeps what it is shown. */
export class KeptOutput implements Output {
  readonly views: View[] = [];
  readonly notices: string[] = [];

  show(view: View): void {
    this.views.push(view);
  }

  flush(): void {
    // Nothing is gathered.
  }

  notice(text: string): void {
    this.notices.push(text);
  }

  live(): void {
    // Nobody looks.
  }

  progress(): void {
    // Nobody looks.
  }

  /** What was shown since the last time, as plain text. */
  take(): string {
    return this.views
      .splice(0)
      .map((view) => plain(view))
      .join('');
  }
}

/** A session with an open device of one region, whose bytes are a memfd that nothing but this process touches. */
export function memfdSession(size = 4096): {
  readonly session: Session;
  readonly output: KeptOutput;
  readonly transport: MemfdTransport;
} {
  const output = new KeptOutput();
  const session = new Session(new Registry(commandModules), output);
  const transport = new MemfdTransport(size);
  session.adopt(new Device(transport));
  return { session, output, transport };
}

/** A session on sim:sram, closed behind the test, with lines run as those of a script. */
export interface SramBench {
  readonly session: Session;
  readonly output: KeptOutput;
  readonly device: Device;
  readonly run: (line: string) => Promise<void>;
}

export async function sramBench(t: TestContext): Promise<SramBench> {
  const output = new KeptOutput();
  const session = new Session(new Registry(commandModules), output);
  t.after(() => session.closeAll());
  const device = await session.open('sim:sram');
  return { session, output, device, run: async (line) => session.execute(line, { prefixes: false }) };
}

/** The last view as --json has it. */
export function lastData(output: KeptOutput): Record<string, unknown> {
  return JSON.parse(json(output.views.at(-1) ?? assert.fail())) as Record<string, unknown>;
}
