/** Words of the memory that a simulator's thread shares with the one that started it. */

/** Whose the server's end of the socket pair is. */
export const OWNER = 0;
/** 0: still of the thread that made it; 1: of the simulator's thread, which closes it; 2: withdrawn, and closed by the thread that made it. */
export type Ownership = 0 | 1 | 2;

/** 1 once the simulator's thread holds no native handle any more. */
export const ENDED = 1;

export const WORDS = 2;
