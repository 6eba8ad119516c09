/** The words of one command that are still to be read. */
export interface Words {
  readonly done: boolean;
}
