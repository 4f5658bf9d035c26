import { validationFault } from '../../base/fault.ts';

/** A name as it is kept: 1 to 200 characters without white space around them. */
export function checkName(text: string): string {
  const name = text.trim();
  if (name.length < 1 || name.length > 200) {
    throw validationFault({ name: ['The name must have 1 to 200 characters.'] });
  }
  // Control characters (PostgreSQL takes no NUL) and line breaks would also forge lines of a log.
  if (/\p{Cc}/u.test(name)) {
    throw validationFault({ name: ['The name must not contain control characters.'] });
  }
  return name;
}
