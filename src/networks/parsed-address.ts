/** What a text is as an address: its canonical form, or why it is none, in words safe for the caller. */
export type ParsedAddress =
  { readonly ok: true; readonly address: string } | { readonly ok: false; readonly reason: string };

/** No address of any network is longer: bech32 ends at 90 characters (BIP-173). */
const MAX_LENGTH = 90;

export function acceptedAddress(address: string): ParsedAddress {
  return { ok: true, address };
}

export function refusedAddress(reason: string): ParsedAddress {
  return { ok: false, reason };
}

/**
 * What no network takes: nothing, too much, white space, control and zero-width characters and
 * look-alike letters. Nothing is trimmed or folded, because a text that had to be repaired may
 * not be the text that was meant. Undefined where the text may go on to its network's own rules.
 */
export function refusedCharacters(text: string): ParsedAddress | undefined {
  if (text === '') return refusedAddress('The address is empty.');
  if (text.length > MAX_LENGTH) return refusedAddress('The address is too long.');
  if (/^[\x21-\x7e]*$/.test(text)) return undefined;
  return refusedAddress(
    'The address holds a space, an invisible character or a character outside plain ASCII.',
  );
}
