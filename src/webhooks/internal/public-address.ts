import ipaddr from 'ipaddr.js';

/** IPv6 that is routed on the internet at all (RFC 4291 §2.4, as IANA has allocated it so far). */
const GLOBAL_UNICAST = ipaddr.IPv6.parse('2000::');

/** Public by number, yet served by the machine's host: Azure's metadata and health service. */
const HOST_SERVICES: readonly string[] = ['168.63.129.16'];

/**
 * Whether an IP address is one of the public internet. Everything special is not: private, loopback,
 * link-local, shared, multicast, documentation, benchmarking, reserved, and each IPv6 form that
 * carries an IPv4 address (mapped, NAT64, 6to4, Teredo), whatever the address it carries.
 */
export function isPublicAddress(text: string): boolean {
  if (!ipaddr.isValid(text)) return false;
  const address = ipaddr.parse(text);
  if (address.range() !== 'unicast') return false;
  if (address instanceof ipaddr.IPv6) return address.match(GLOBAL_UNICAST, 3);
  return !HOST_SERVICES.includes(address.toString());
}
