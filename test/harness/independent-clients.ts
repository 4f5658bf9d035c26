import { findAssociatedTokenPda, TOKEN_PROGRAM_ADDRESS } from '@solana-program/token';
import { address, createSolanaRpc, generateKeyPairSigner } from '@solana/kit';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { ripemd160 } from '@noble/hashes/legacy.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { bech32 } from '@scure/base';
import { TronWeb } from 'tronweb';
import { createPublicClient, http, parseAbi, type Hex } from 'viem';
import { present } from '../../src/base/assert.ts';
import type { NetworkId } from '../../src/money/asset.ts';
import type { SandboxFile } from './sandbox.ts';
import { freshAddress } from './settlement-world.ts';

/**
 * What people other than us use to look at each chain: viem, tronweb, @solana/kit, and for Bitcoin the node's
 * own JSON-RPC. They count money, and know nothing of Knit.
 */
export interface IndependentClient {
  /** A recipient that nobody has paid before. */
  readonly freshRecipient: () => Promise<string>;
  /** What a recipient holds of a token, in units. */
  readonly unitsOf: (token: string, owner: string) => Promise<bigint>;
}

type SandboxNetwork = SandboxFile['networks'][string];

export function independentClient(network: NetworkId, chain: SandboxNetwork): IndependentClient {
  switch (network) {
    case 'ETHEREUM_MAINNET':
    case 'MATIC_MAINNET':
    case 'BSC_MAINNET':
      return viaViem(chain);
    case 'TRON_MAINNET':
      return viaTronweb(chain);
    case 'SOL_MAINNET':
      return viaKit(chain);
    case 'BITCOIN_MAINNET':
      return viaBitcoind(chain);
  }
}

function contractOf(chain: SandboxNetwork, token: string): string {
  return present(chain.tokens[token]?.address, `${token} has a contract`);
}

const abi = parseAbi(['function balanceOf(address owner) view returns (uint256)']);

function viaViem(chain: SandboxNetwork): IndependentClient {
  const client = createPublicClient({ transport: http(chain.rpcUrl) });
  return {
    freshRecipient: async () => await Promise.resolve(freshAddress()),
    unitsOf: async (token, owner) =>
      await client.readContract({
        address: contractOf(chain, token) as Hex,
        abi,
        functionName: 'balanceOf',
        args: [owner as Hex],
      }),
  };
}

function viaTronweb(chain: SandboxNetwork): IndependentClient {
  const client = new TronWeb({ fullHost: chain.rpcUrl });
  return {
    freshRecipient: async () => (await client.createAccount()).address.base58,
    unitsOf: async (token, owner) => {
      const call = [{ type: 'address', value: owner }];
      const answer = await client.transactionBuilder.triggerConstantContract(
        contractOf(chain, token),
        'balanceOf(address)',
        {},
        call,
        owner,
      );
      const [word] = answer.constant_result as readonly string[];
      return BigInt(`0x${present(word, 'balanceOf answers')}`);
    },
  };
}

function viaKit(chain: SandboxNetwork): IndependentClient {
  const rpc = createSolanaRpc(chain.rpcUrl);
  return {
    freshRecipient: async () => (await generateKeyPairSigner()).address,
    unitsOf: async (token, owner) => {
      const [account] = await findAssociatedTokenPda({
        owner: address(owner),
        mint: address(contractOf(chain, token)),
        tokenProgram: TOKEN_PROGRAM_ADDRESS,
      });
      const { value: found } = await rpc.getAccountInfo(account, { encoding: 'base64' }).send();
      if (found === null) return 0n;
      const { value } = await rpc.getTokenAccountBalance(account).send();
      return BigInt(value.amount);
    },
  };
}

function viaBitcoind(chain: SandboxNetwork): IndependentClient {
  return {
    freshRecipient: async () => {
      const publicKey = secp256k1.getPublicKey(secp256k1.utils.randomSecretKey(), true);
      const program = bech32.toWords(ripemd160(sha256(publicKey)));
      return await Promise.resolve(bech32.encode('bc', [0, ...program]));
    },
    unitsOf: async (_token, owner) => {
      const [, ...program] = bech32.decode(owner as `bc1${string}`).words;
      const script = `0014${bytesToHex(bech32.fromWords(program))}`;
      const response = await fetch(chain.rpcUrl, {
        method: 'POST',
        body: JSON.stringify({
          jsonrpc: '2.0',
          id: 1,
          method: 'scantxoutset',
          params: ['start', [`raw(${script})`]],
        }),
      });
      const { result } = (await response.json()) as { result: { total_amount: number } };
      // Few digits: a number of bitcoins holds them exactly once it is rounded to satoshis.
      return BigInt(Math.round(result.total_amount * 1e8));
    },
  };
}
