import { getAbiItem, parseAbi, toEventSelector } from 'viem';

/** What the program uses of contracts/Treasury.sol. */
export const treasuryAbi = parseAbi([
  'function execute(uint256 batchId, uint256 deadline, address token, uint256 gasPerItem, bytes32[] items, bytes32 r, bytes32 yParityAndS)',
  'function cancel(uint256 batchId, bytes32 r, bytes32 yParityAndS)',
  'function signer() view returns (address)',
  'event BatchExecuted(uint256 indexed batchId, bytes32 digest, uint256 failed)',
  'event ItemFailed(uint256 indexed batchId, uint256 index, bool reverted, bytes reason)',
  'event BatchCancelled(uint256 indexed batchId)',
  'error AlreadySpent()',
  'error Expired()',
  'error InvalidSignature()',
  'error NoItems()',
  'error NotAToken()',
  'error NotEnoughGas()',
  'error Reentered()',
  'error CoinsRefused()',
]);

/** Keccak-256 of "BatchExecuted(uint256,bytes32,uint256)". */
export const BATCH_EXECUTED_TOPIC = topicOf('BatchExecuted');
/** Keccak-256 of "ItemFailed(uint256,uint256,bool,bytes)". */
export const ITEM_FAILED_TOPIC = topicOf('ItemFailed');
/** Keccak-256 of "BatchCancelled(uint256)". */
export const BATCH_CANCELLED_TOPIC = topicOf('BatchCancelled');

function topicOf(name: 'BatchExecuted' | 'ItemFailed' | 'BatchCancelled') {
  return toEventSelector(getAbiItem({ abi: treasuryAbi, name }));
}
