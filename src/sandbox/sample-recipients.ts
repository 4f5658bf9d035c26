import type { NetworkId } from '../money/asset.ts';

/** A recipient on each network for a first payout. They are made from hashes: nobody has their keys. */
export const SAMPLE_RECIPIENTS: Readonly<Record<NetworkId, string>> = {
  BITCOIN_MAINNET: 'bc1qchfye9hha2rq6hmtgm4u4gm90wnuwg96e6rud7',
  ETHEREUM_MAINNET: '0x56adfcc254ab3b8142a275c1837bcffaff5aa38b',
  MATIC_MAINNET: '0x56adfcc254ab3b8142a275c1837bcffaff5aa38b',
  TRON_MAINNET: 'THsXYQfHJKrEuziUbCZoZ1YLqZmzEZ3suL',
  BSC_MAINNET: '0x56adfcc254ab3b8142a275c1837bcffaff5aa38b',
  SOL_MAINNET: 'CNHejD3Fm1dH34xvwKgSiyAEVRaUzbQSe5GLwUD5usQU',
};
