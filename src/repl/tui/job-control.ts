/** How long a stop may take to take effect, in milliseconds. */
const STOP_MS = 250;

/** Who gives the terminal back before the process is stopped, and takes it again when it goes on. Both may be called twice. */
export interface JobHost {
  give(): void;
  take(): void;
}

/**
 * Stopping and going on by the shell's job control: Ctrl-Z, which a terminal in raw mode does not turn into a signal, SIGTSTP from another
 * process, and SIGCONT after either, or after a SIGSTOP that nobody could see coming.
 */
export class JobControl {
  readonly #host: JobHost;
  #timer: NodeJS.Timeout | undefined;

  constructor(host: JobHost) {
    this.#host = host;
    process.on('SIGTSTP', this.#stop);
    process.on('SIGCONT', this.#goOn);
  }

  /** Gives the terminal back and stops the job, with whatever started this process in it (npm, sudo). */
  stop(): void {
    this.#host.give();
    process.off('SIGTSTP', this.#stop);
    process.kill(0, 'SIGTSTP');
    // Where no shell could continue it the kernel does not stop a job: then it just goes on.
    this.#timer = setTimeout(this.#goOn, STOP_MS);
  }

  readonly #stop = (): void => this.stop();

  readonly #goOn = (): void => {
    clearTimeout(this.#timer);
    process.off('SIGTSTP', this.#stop);
    process.on('SIGTSTP', this.#stop);
    this.#host.take();
    // Of a window that changed its size meanwhile only the job in the foreground was told.
    process.kill(process.pid, 'SIGWINCH');
  };

  close(): void {
    clearTimeout(this.#timer);
    process.off('SIGTSTP', this.#stop);
    process.off('SIGCONT', this.#goOn);
  }
}
