/** A stretch of a space that must not be read without being asked for: reading it has an effect, or is dangerous. */
export interface Caution {
  readonly space: string;
  /** Bytes from the start of the space, half open. */
  readonly start: number;
  readonly end: number;
  /** 'reading RIS clears it'; 'popping the FIFO'. */
  readonly reason: string;
}
