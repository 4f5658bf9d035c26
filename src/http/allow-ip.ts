import { isIPv4 } from 'node:net';
import { assert } from '../base/assert.ts';
import { Fault } from '../base/fault.ts';
import { isIpListed } from '../businesses/ip-allow-list.ts';
import { holdsAddress, parseIpAddress, parseIpRange } from '../businesses/ip-range.ts';
import { admissionKnown } from './authenticate.ts';
import type { Step } from './visit.ts';

/** Lets only addresses on the business's list pass. Throws IP_NOT_ALLOWED. */
export const allowIp: Step = (visit) => {
  if (isIpListed(admissionKnown(visit).ipRanges, visit.clientIp)) return;
  throw new Fault('IP_NOT_ALLOWED', 'IP address not whitelisted');
};

/**
 * One spelling for an address: IPv4-mapped IPv6 is IPv4. What is no address stays as it is; a socket
 * that has been closed meanwhile has none.
 */
export function plainAddress(text: string | undefined): string {
  if (text === undefined) return '';
  if (isIPv4(text)) return text;
  return parseIpAddress(text)?.toString() ?? text;
}

/**
 * Whether an address is one of the named proxies', whose X-Forwarded-For is believed. Asserts that
 * each name is an address or a CIDR block, and that none is the whole of IPv4 or IPv6: that would
 * believe anybody.
 */
export function proxyTrust(proxies: readonly string[]): (address: string | undefined) => boolean {
  const ranges = proxies.map((proxy) => {
    const range = parseIpRange(proxy);
    assert(
      !('problem' in range) && range.prefixBits > 0,
      `the trusted proxy "${proxy}" is invalid`,
    );
    return range;
  });
  return (text) => {
    const address = text === undefined ? undefined : parseIpAddress(text);
    return address !== undefined && ranges.some((range) => holdsAddress(range, address));
  };
}
