import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import { scriptOfAddress } from './address.ts';
import { BitcoinRpcError } from './bitcoin-chain.ts';
import { parseBlock, type Block } from './block.ts';
import { parseDescriptor, withChecksum } from './descriptor.ts';
import { amount, type Methods, type Question } from './question.ts';
import { findBlock } from './rpc-blocks.ts';
import { poolMinRate } from './rpc-pool.ts';
import { kindOfScript, witnessProgram } from './script.ts';
import { INCREMENTAL_RATE } from './standardness.ts';

/** What makes blocks on regtest, and what a node tells of itself and of texts. */
export const CONTROL_METHODS: Methods = {
  generatetoaddress: {
    names: ['nblocks', 'address', 'maxtries'],
    answer: ({ params, world }) => {
      const coinbaseScriptHex = scriptOf(params.text(1));
      return Array.from(
        { length: params.integer(0) },
        () => world.mine({ coinbaseScriptHex }).block.hash,
      );
    },
  },
  generateblock: { names: ['output', 'transactions', 'submit'], answer: generateBlock },
  submitblock: {
    names: ['hexdata', 'dummy'],
    answer: ({ params, world }) => world.submit(readBlock(params.bytes(0))),
  },
  invalidateblock: {
    names: ['blockhash'],
    answer: (question) => {
      const { block } = findBlock(question, question.params.hash(0, 'blockhash'));
      question.world.invalidate(block.hash);
      return null;
    },
  },
  reconsiderblock: {
    names: ['blockhash'],
    answer: (question) => {
      const { block } = findBlock(question, question.params.hash(0, 'blockhash'));
      question.world.reconsider(block.hash);
      return null;
    },
  },
  getnetworkinfo: { names: [], answer: getNetworkInfo },
  getconnectioncount: { names: [], answer: () => 0 },
  getindexinfo: { names: ['index_name'], answer: () => ({}) },
  getdescriptorinfo: { names: ['descriptor'], answer: getDescriptorInfo },
  validateaddress: { names: ['address'], answer: validateAddress },
};

function generateBlock({ params, world }: Question): unknown {
  const output = params.text(0);
  const coinbaseScriptHex = scriptOfAddress(output) ?? scriptOfDescriptor(output);
  const include = params.list(1).map(String);
  try {
    return { hash: world.mine({ coinbaseScriptHex, include, only: true }).block.hash };
  } catch (error) {
    if (error instanceof BitcoinRpcError) throw error;
    const problem = error instanceof Error ? error.message : String(error);
    throw new BitcoinRpcError(-25, `TestBlockValidity failed: ${problem}`);
  }
}

function scriptOfDescriptor(text: string): string {
  try {
    return parseDescriptor(text, 'optional').scriptHex;
  } catch {
    throw new BitcoinRpcError(-5, 'Error: Invalid address or descriptor');
  }
}

function scriptOf(address: string): string {
  const script = scriptOfAddress(address);
  if (script === undefined) throw new BitcoinRpcError(-5, 'Error: Invalid address');
  return script;
}

function readBlock(hex: string | undefined): Block {
  try {
    if (hex !== undefined) return parseBlock(hexToBytes(hex));
  } catch {
    // Whatever is wrong with the bytes, the answer is the same.
  }
  throw new BitcoinRpcError(-22, 'Block decode failed');
}

function getNetworkInfo({ core }: Question): unknown {
  return {
    version: 290_000,
    subversion: '/Knit local chain:29.0.0/',
    protocolversion: 70_016,
    localservices: '0000000000000409',
    localservicesnames: ['NETWORK', 'WITNESS', 'NETWORK_LIMITED'],
    localrelay: true,
    timeoffset: 0,
    networkactive: true,
    connections: 0,
    connections_in: 0,
    connections_out: 0,
    networks: [],
    relayfee: amount(poolMinRate(core.poolMinSatPerKvb)),
    incrementalfee: amount(INCREMENTAL_RATE),
    localaddresses: [],
    warnings: [],
  };
}

function getDescriptorInfo({ params }: Question): unknown {
  const { text, isSolvable } = parseDescriptor(params.text(0), 'optional');
  const descriptor = withChecksum(text);
  return {
    descriptor,
    checksum: descriptor.slice(-8),
    isrange: false,
    issolvable: isSolvable,
    hasprivatekeys: false,
  };
}

function validateAddress({ params }: Question): unknown {
  const address = params.text(0);
  const scriptPubKey = scriptOfAddress(address);
  if (scriptPubKey === undefined) {
    return { isvalid: false, error_locations: [], error: 'Invalid or unsupported address' };
  }
  const program = witnessProgram(hexToBytes(scriptPubKey));
  return {
    isvalid: true,
    address,
    scriptPubKey,
    isscript: ['scripthash', 'witness_v0_scripthash', 'witness_v1_taproot'].includes(
      kindOfScript(scriptPubKey),
    ),
    iswitness: program !== undefined,
    ...(program === undefined
      ? {}
      : { witness_version: program.version, witness_program: bytesToHex(program.program) }),
  };
}
