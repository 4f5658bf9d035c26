import { spawnSync } from 'node:child_process';
import { Webhook } from 'standardwebhooks';
import { expect, test } from 'vitest';
import { createSign, type SignedMessage, type SigningSecrets } from './sign.ts';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const OTHER = `whsec_${Buffer.alloc(32, 5).toString('base64')}`;
const message = {
  webhookId: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
  body: '{"test": 2432232314}',
  at: new Date(1_614_265_330_999),
};
const signatureHeaders = (signed: SignedMessage, secrets: SigningSecrets): Record<string, string> =>
  createSign(secrets)(signed);
const one = (secret: string) => ({ all: [secret], forXSignature: secret });

test('the vector that the Standard Webhooks libraries publish', () => {
  expect(signatureHeaders(message, one(SECRET))).toMatchObject({
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  });
});

test('the common HMAC-SHA256 vector: the key is the text itself', () => {
  const body = 'The quick brown fox jumps over the lazy dog';
  const headers = signatureHeaders({ ...message, body }, one('key'));
  expect(headers['x-signature']).toBe(
    'f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8',
  );
});

test('the standardwebhooks package verifies a signature, with each secret of a rotation', () => {
  const secrets = { all: [OTHER, SECRET], forXSignature: SECRET };
  const body = '{"name":"Zürich → 東京"}';
  const headers = signatureHeaders({ webhookId: 'id-1', body, at: new Date() }, secrets);
  expect(headers['webhook-signature']).toMatch(/^v1,[\w+/]{43}= v1,[\w+/]{43}=$/);
  for (const secret of secrets.all) {
    expect(new Webhook(secret).verify(body, headers)).toEqual(JSON.parse(body));
  }
  const stranger = new Webhook(`whsec_${Buffer.alloc(32, 6).toString('base64')}`);
  expect(() => stranger.verify(body, headers)).toThrow('No matching signature');
  expect(() => new Webhook(SECRET).verify(`${body} `, headers)).toThrow('No matching signature');
});

test('during a rotation X-Signature is made with the secret that is named for it', () => {
  const old = signatureHeaders(message, one(SECRET))['x-signature'];
  const rotation = { all: [OTHER, SECRET], forXSignature: SECRET };
  expect(signatureHeaders(message, rotation)['x-signature']).toBe(old);
  expect(signatureHeaders(message, { ...rotation, forXSignature: OTHER })['x-signature']).not.toBe(
    old,
  );
});

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
const hasPython = spawnSync('python3', ['--version']).status === 0;

test.skipIf(!hasOpenssl)('openssl makes the same X-Signature', () => {
  const body = '{"amount":"100.25","merchantReference":"é"}';
  const result = spawnSync('openssl', ['dgst', '-sha256', '-hmac', SECRET], { input: body });
  const hex = result.stdout.toString().trim().split('= ').at(-1);
  expect(signatureHeaders({ ...message, body }, one(SECRET))['x-signature']).toBe(hex);
});

test.skipIf(!hasPython)('python makes the same Standard Webhooks signature', () => {
  const body = '{"merchantReference":"é"}';
  const program = `
import base64, hashlib, hmac, sys
key = base64.b64decode(sys.argv[1][len("whsec_"):])
signed = (sys.argv[2] + "." + sys.argv[3] + ".").encode() + sys.stdin.buffer.read()
print("v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode())`;
  const result = spawnSync('python3', ['-c', program, OTHER, 'id-1', '1614265330'], {
    input: body,
  });
  const headers = signatureHeaders({ ...message, webhookId: 'id-1', body }, one(OTHER));
  expect(headers['webhook-signature']).toBe(result.stdout.toString().trim());
});
