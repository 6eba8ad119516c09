/** The running command was ended by the user (Ctrl-C), or with the session: exit code 130. */
export class Interrupted extends Error {
  constructor() {
    super('interrupted');
    this.name = 'Interrupted';
  }
}

/** An input of a dry run that depends on what a read would have brought. */
export class UnknownInDryRun extends Error {
  constructor() {
    super('what follows depends on what is read');
    this.name = 'UnknownInDryRun';
  }
}
