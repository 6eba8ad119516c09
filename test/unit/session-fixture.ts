import { commandModules } from '../../src/repl/commands/index.js';
import type { Output } from '../../src/repl/output.js';
import { Registry } from '../../src/repl/registry.js';
import { Session } from '../../src/repl/session.js';
import { Device } from '../../src/vfio/device.js';
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
