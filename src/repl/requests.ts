import { commandLineHelp, type Request } from './cli.js';
import { exitCodes } from './report.js';
import { Writer } from './standard-output.js';
import { packageVersion } from './version.js';

/** Carries out what needs no session. @returns the exit code. */
export async function runRequest(request: Exclude<Request, { kind: 'session' }>): Promise<number> {
  switch (request.kind) {
    case 'help':
      await print(commandLineHelp());
      return exitCodes.done;
    case 'version':
      await print(`vfiodbg ${packageVersion()}\n`);
      return exitCodes.done;
    case 'serve':
      return serveUntilStopped(request.model, request.socket);
  }
}

/** Serves a simulated device until SIGINT or SIGTERM. */
async function serveUntilStopped(model: string, path: string): Promise<number> {
  const { serve } = await import('../vfio/sim/serve.js');
  const stop = new AbortController();
  let ended: NodeJS.Signals | undefined;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      ended = signal;
      stop.abort();
    });
  }
  const say = (text: string): void => void process.stderr.write(`${text}\n`);
  await serve(model, path, {
    signal: stop.signal,
    listening: () => say(`sim:${model} is served at ${path}; Ctrl-C ends it`),
    client: (event) => say(event === 'connected' ? 'a client came' : 'the client is gone'),
  });
  // Node's own exit aborts where the terminal is gone, so the signal ends it, now that nobody listens to it.
  if (ended === 'SIGHUP') process.kill(process.pid, 'SIGHUP');
  return ended === 'SIGINT' ? exitCodes.interrupted : exitCodes.terminated;
}

/** Prints to standard output. Rejects with VfioError where that takes no more; a reader that went away has read enough. */
async function print(text: string): Promise<void> {
  const out = new Writer(1, () => undefined);
  await out.push(text);
  await out.flush();
}
