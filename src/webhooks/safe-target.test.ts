import { expect, test } from 'vitest';
import { checkTarget, type HostAddress, type TargetGuard } from './safe-target.ts';

const names: Readonly<Record<string, readonly string[]>> = {
  'hooks.example.com': ['93.184.215.14', '2606:2800:21f:cb07:6820:80da:af6b:8b2c'],
  'xn--mnchen-3ya.example': ['93.184.215.14'],
  'inside.example.com': ['10.0.0.8'],
  'half-inside.example.com': ['93.184.215.14', '127.0.0.1'],
  'metadata.example.com': ['169.254.169.254'],
  'mapped.example.com': ['::ffff:169.254.169.254'],
  'no-address.example.com': [],
};

function guardWith(...allowedPrivateTargets: string[]): TargetGuard {
  return {
    allowedPrivateTargets,
    lookup: async (name): Promise<HostAddress[]> => {
      const addresses = await Promise.resolve(names[name]);
      if (addresses === undefined) throw new Error(`${name} was not to be asked for`);
      return addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
    },
  };
}

test.each([
  ['https://hooks.example.com/a?b=c', 'https://hooks.example.com/a?b=c'],
  ['http://hooks.example.com:8080/', 'http://hooks.example.com:8080/'],
  ['https://HOOKS.Example.com/#fragment', 'https://hooks.example.com/'],
  ['https://münchen.example/', 'https://xn--mnchen-3ya.example/'],
  ['https://93.184.215.14/', 'https://93.184.215.14/'],
  ['https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/', null],
  ['https://1.1/', 'https://1.0.0.1/'],
])('%s is safe', async (text, href) => {
  const check = await checkTarget(text, guardWith());
  expect(check).toMatchObject({ kind: 'safe' });
  if (check.kind === 'safe') expect(check.url.href).toBe(href ?? text);
});

test('a name is safe with all of its addresses, a literal with itself', async () => {
  expect(await checkTarget('https://hooks.example.com/', guardWith())).toMatchObject({
    addresses: [
      { address: '93.184.215.14', family: 4 },
      { address: '2606:2800:21f:cb07:6820:80da:af6b:8b2c', family: 6 },
    ],
  });
  expect(await checkTarget('https://[2606:2800::1]/', guardWith())).toMatchObject({
    addresses: [{ address: '2606:2800::1', family: 6 }],
  });
});

test.each([
  // Not a URL for a webhook at all.
  'ftp://hooks.example.com/',
  'file:///etc/passwd',
  'javascript:alert(1)',
  'hooks.example.com',
  '',
  'https://user@hooks.example.com/',
  'https://user:password@hooks.example.com/',
  'https://:password@hooks.example.com/',
  'https://hooks.example.com:0/',
  `https://hooks.example.com/${'a'.repeat(2048)}`,
  // This machine, in its many spellings.
  'http://localhost/',
  'http://LOCALHOST:8080/',
  'http://localhost./',
  'http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/',
  'http://a.localhost/',
  'http://127.0.0.1/',
  'http://127.0.0.1./',
  'http://127.1/',
  'http://2130706433/',
  'http://0177.0.0.1/',
  'http://0x7f.0.0.1/',
  'http://0x7f000001/',
  'http://１２７.０.０.１/',
  'http://127。0。0。1/',
  'http://127.255.255.254/',
  'http://0.0.0.0/',
  'http://0/',
  'http://[::1]/',
  'http://[::]/',
  'http://[::127.0.0.1]/',
  'http://[::ffff:127.0.0.1]/',
  'http://[::ffff:7f00:1]/',
  'http://[0:0:0:0:0:ffff:127.0.0.1]/',
  // A mapped address is refused whatever it carries.
  'http://[::ffff:93.184.215.14]/',
  // Private, shared, link-local, metadata.
  'http://10.1.2.3/',
  'http://172.16.0.1/',
  'http://172.31.255.255/',
  'http://192.168.1.1/',
  'http://100.64.0.1/',
  'http://100.100.100.200/',
  'http://169.254.169.254/latest/meta-data/',
  'http://0xa9fea9fe/',
  'http://2852039166/',
  'http://168.63.129.16/',
  'http://192.0.0.192/',
  'http://[fe80::1]/',
  'http://[febf::1]/',
  'http://[fec0::1]/',
  'http://[fc00::1]/',
  'http://[fd00:ec2::254]/',
  // Forms that carry an IPv4 address: NAT64, local NAT64, 6to4, Teredo, translated.
  'http://[64:ff9b::7f00:1]/',
  'http://[64:ff9b::5db8:d70e]/',
  'http://[64:ff9b:1::7f00:1]/',
  'http://[2002:7f00:1::1]/',
  'http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/',
  'http://[::ffff:0:127.0.0.1]/',
  // Documentation, benchmarking, multicast, broadcast, reserved, not allocated.
  'http://192.0.2.1/',
  'http://198.51.100.1/',
  'http://203.0.113.1/',
  'http://198.18.0.1/',
  'http://198.19.255.255/',
  'http://224.0.0.1/',
  'http://240.0.0.1/',
  'http://255.255.255.255/',
  'http://192.88.99.1/',
  'http://[2001:db8::1]/',
  'http://[3fff::1]/',
  'http://[2001:2::1]/',
  'http://[100::1]/',
  'http://[ff02::1]/',
  'http://[5f00::1]/',
  'http://[4000::1]/',
  // Names.
  'http://hooks.example.com./',
  'http://metadata/',
  'http://metadata.google.internal/',
  'http://printer.local/',
  'http://router.home.arpa/',
  'http://inside.example.com/',
  'http://half-inside.example.com/',
  'http://metadata.example.com/',
  'http://mapped.example.com/',
])('%s is refused', async (text) => {
  expect(await checkTarget(text, guardWith())).toMatchObject({ kind: 'refused' });
});

test.each(['https://no-address.example.com/', 'https://unknown.example.com/'])(
  '%s does not resolve, which may heal',
  async (text) => {
    expect(await checkTarget(text, guardWith())).toMatchObject({ kind: 'unresolved' });
  },
);

test('an allowed private target is let through by its exact host and port alone', async () => {
  const guard = guardWith('127.0.0.1:4001', 'inside.example.com:80', '[::1]:443');
  for (const text of [
    'http://127.0.0.1:4001/hook',
    'http://0x7f.1:4001/',
    'http://inside.example.com/',
    'https://[::1]/',
  ]) {
    expect(await checkTarget(text, guard), text).toMatchObject({ kind: 'safe' });
  }
  for (const text of [
    'http://127.0.0.1:4002/',
    'http://127.0.0.2:4001/',
    'http://127.0.0.1/',
    'https://inside.example.com/',
    'http://[::1]/',
  ]) {
    expect(await checkTarget(text, guard), text).toMatchObject({ kind: 'refused' });
  }
});
