import { isIPv4, isIPv6 } from 'node:net';
import ipaddr from 'ipaddr.js';

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** A block of addresses (CIDR, RFC 4632 and RFC 4291 §2.3). An IPv4 range and an IPv6 range never meet. */
export interface IpRange {
  readonly network: Address;
  /** 0 to 32, or to 128: how many leading bits an address must share with `network`. */
  readonly prefixBits: number;
}

/** Why a text is not a range, as a sentence for the person who wrote it. */
export interface IpRangeProblem {
  readonly problem: string;
}

/**
 * Reads one address ("203.0.113.5") or one block ("203.0.113.0/24", "2001:db8::/32").
 * IPv4-mapped IPv6 becomes IPv4. Refused: zone ids; short, octal and hexadecimal IPv4, which readers
 * take for different addresses; and a block whose address has bits set behind the prefix, because
 * 203.0.113.5/24 may have meant one address or 256, and this list guards money.
 */
export function parseIpRange(text: string): IpRange | IpRangeProblem {
  const [addressText = '', prefixText, ...rest] = text.split('/');
  const address = parseStrictly(addressText);
  if (address === undefined || rest.length > 0) {
    return { problem: 'The address must be an IPv4 or IPv6 address or a CIDR block.' };
  }
  const bits = address.kind() === 'ipv4' ? 32 : 128;
  const prefixBits = prefixText === undefined ? bits : readPrefix(prefixText, bits);
  if (prefixBits === undefined) {
    return { problem: `The prefix length must be a number from 0 to ${bits}.` };
  }
  const range = withoutMapping({ network: address, prefixBits });
  if (range === undefined) {
    return { problem: 'A block of IPv4-mapped addresses has a prefix length of at least 96.' };
  }
  const start = firstAddress(range);
  if (start.toString() === range.network.toString()) return range;
  const block = formatIpRange({ network: start, prefixBits: range.prefixBits });
  return {
    problem: `The address has bits set behind the prefix. Write ${block} for the block or ${range.network.toString()} for one address.`,
  };
}

/** The one text of a range: "203.0.113.5" for one address, else "203.0.113.0/24"; IPv6 by RFC 5952. */
export function formatIpRange(range: IpRange): string {
  const bits = range.network.kind() === 'ipv4' ? 32 : 128;
  const address = range.network.toString();
  return range.prefixBits === bits ? address : `${address}/${range.prefixBits}`;
}

/**
 * A caller's address as the socket or a proxy gives it; IPv4-mapped IPv6 becomes IPv4.
 * Undefined where it is not one plain address.
 */
export function parseIpAddress(text: string): Address | undefined {
  const address = parseStrictly(text);
  if (address === undefined) return undefined;
  return withoutMapping({ network: address, prefixBits: 128 })?.network;
}

/** Whether the range holds the address. 0.0.0.0/0 holds every IPv4 address, ::/0 every IPv6 address. */
export function holdsAddress(range: IpRange, address: Address): boolean {
  return address.kind() === range.network.kind() && address.match(range.network, range.prefixBits);
}

/**
 * Node's own check comes first (inet_pton: four decimal octets without leading zeros), because
 * ipaddr.js also reads octal, hexadecimal and short forms. It also takes the deprecated
 * "::1.2.3.4" (RFC 4291 §2.5.5.1) for an IPv4-mapped address, which it is not: refused.
 */
function parseStrictly(text: string): Address | undefined {
  if (isIPv4(text)) return ipaddr.IPv4.parse(text);
  if (!isIPv6(text) || text.includes('%') || /^::\d+\./.test(text)) return undefined;
  return ipaddr.IPv6.parse(text);
}

function readPrefix(text: string, bits: number): number | undefined {
  if (!/^(0|[1-9]\d{0,2})$/.test(text)) return undefined;
  const prefixBits = Number(text);
  return prefixBits <= bits ? prefixBits : undefined;
}

/** ::ffff:a.b.c.d/(96 + n) is a.b.c.d/n. Undefined where the prefix ends within the mapping's own bits. */
function withoutMapping(range: IpRange): IpRange | undefined {
  const { network, prefixBits } = range;
  if (!(network instanceof ipaddr.IPv6) || !network.isIPv4MappedAddress()) return range;
  if (prefixBits < 96) return undefined;
  return { network: network.toIPv4Address(), prefixBits: prefixBits - 96 };
}

function firstAddress(range: IpRange): Address {
  const bytes = range.network.toByteArray().map((byte, index) => {
    const keptBits = Math.min(Math.max(range.prefixBits - 8 * index, 0), 8);
    return byte & (0xff << (8 - keptBits));
  });
  return ipaddr.fromByteArray(bytes);
}
