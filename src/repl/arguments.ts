export { type Argument, type Candidate, type Toggle, defaulted, many, optional, toggle } from './arguments/argument.js';
export { type Count, cellsOf, count } from './arguments/count.js';
export { type Span, bytesIn, span } from './arguments/span.js';
export {
  type Assignments,
  assignments,
  beginsAssignment,
  completeAssignment,
  parseAssignments,
} from './arguments/assignment.js';
export { type Location, location, space } from './arguments/location.js';
export { type DescribedLocation, parseRegister, register } from './arguments/register.js';
export { type Registers, describedRegister, registers, registersAmong } from './arguments/registers.js';
export { shown } from './arguments/shown.js';
export { type MaskedValue, duration, integer, maskedValue, offsetRange, value } from './arguments/numbers.js';
export {
  busDevice,
  choice,
  commandName,
  deviceAddress,
  file,
  irqName,
  optionName,
  optionValue,
  profileName,
  rawLine,
  scriptName,
  text,
} from './arguments/text.js';
