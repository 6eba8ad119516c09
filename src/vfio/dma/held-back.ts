/** Thrown in a dry run by what would have made something: the gate has noted it, and there is nothing to give back. */
export class HeldBack extends Error {
  constructor() {
    super('nothing is made in a dry run');
    this.name = 'HeldBack';
  }
}
