import { z } from 'zod';
import { NETWORK_IDS, TOKENS } from '../money/asset.ts';
import { JsonNumber } from './json-number.ts';
import { labelOf } from './read-fields.ts';

/** A field that is any text; what it means is checked where it is used. */
export function textField(name: string): z.ZodString {
  return z.string(`The ${labelOf(name)} field must be a string.`);
}

/** A field with a few possible texts. */
export function choiceField<T extends string>(
  name: string,
  choices: readonly T[],
): z.ZodEnum<{ [K in T]: K }> {
  return z.enum(choices, `The selected ${labelOf(name)} is invalid.`);
}

/** An amount as it was written, by a JSON number or by a string: {@link writtenAmount}. */
export const amountField = z
  .custom<JsonNumber | string>(
    (value) => typeof value === 'string' || value instanceof JsonNumber,
    'The amount field must be a number.',
  )
  .meta({
    type: ['number', 'string'],
    description:
      'In whole tokens, exactly as written: a JSON number or a decimal string. No more decimals than the token has on the network.',
  });

/** A transformation within the field would cost more than all other fields together. */
export function writtenAmount(amount: JsonNumber | string): string {
  return amount instanceof JsonNumber ? amount.text : amount;
}

/** What PostgreSQL, a log and a header can all hold: no control characters, no half of a pair. */
export function isPlainText(text: string): boolean {
  return text.isWellFormed() && !/\p{Cc}/u.test(text);
}

const MAX_REFERENCE = 191;

export const merchantReferenceField = textField('merchantReference')
  .refine((text) => lengthInRange(text), {
    error: `The merchant reference field must have 1 to ${MAX_REFERENCE} characters.`,
    abort: true,
  })
  .refine(isPlainText, 'The merchant reference field must not hold control characters.')
  .meta({
    minLength: 1,
    maxLength: MAX_REFERENCE,
    description: "The merchant's own name for the payout, unique among its payouts.",
    examples: ['invoice-2024-0815'],
  });

/** Counts code points, as the database does. */
function lengthInRange(text: string): boolean {
  // No text of so many UTF-16 units is short enough; this spares the spreading of a long one.
  if (text.length > 2 * MAX_REFERENCE) return false;
  const { length } = Array.from(text);
  return length >= 1 && length <= MAX_REFERENCE;
}

/** The documents name the values; the meaning of a network and a token is checked with the registry. */
export const networkField = textField('network').meta({
  enum: [...NETWORK_IDS],
  description: 'One of the enabled networks.',
  examples: ['MATIC_MAINNET'],
});

export const tokenField = textField('token').meta({
  enum: [...TOKENS],
  description: 'A token that lives on the network.',
  examples: ['USDT'],
});
